variable "name" {
  description = "Prefix of every name: nyc311-<environment>."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "account_id" {
  description = "AWS account id."
  type        = string
}

variable "partition" {
  description = "AWS partition, aws in most regions."
  type        = string
}

variable "environment" {
  description = "GitHub environment whose jobs may assume the role."
  type        = string
}

variable "repository" {
  description = "owner/name of the repository."
  type        = string
}

variable "oidc_provider_arn" {
  description = "GitHub's identity provider."
  type        = string
}

variable "registry_arn" {
  description = "Repository of the image."
  type        = string
}


variable "task_role_arns" {
  description = "Roles that tasks may be given."
  type        = list(string)
}
