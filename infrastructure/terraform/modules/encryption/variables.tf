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
