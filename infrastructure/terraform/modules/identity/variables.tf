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

variable "databricks_account_id" {
  description = "External id of the role that Databricks assumes."
  type        = string
}

variable "unity_catalog_role_arn" {
  description = "The role of Databricks that assumes it."
  type        = string
}

variable "lakehouse_arn" {
  description = "Bucket of the lakehouse."
  type        = string
}

variable "artifacts_arn" {
  description = "Bucket of artifacts."
  type        = string
}

variable "topic_arn" {
  description = "Topic of alerts."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of the environment."
  type        = string
}

variable "secret_arns" {
  description = "Secrets, by environment variable."
  type        = map(string)
}

variable "database_secret_arn" {
  description = "Secret of the database."
  type        = string
}

variable "repository_arn" {
  description = "Repository of the image."
  type        = string
}
