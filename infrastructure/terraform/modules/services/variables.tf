variable "name" {
  description = "Prefix of every name: nyc311-<environment>."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "environment" {
  description = "dev, qa or prod."
  type        = string
}

variable "image" {
  description = "Image that services start with when they are made."
  type        = string
}

variable "desired_count" {
  description = "Tasks of each service, 0 or 1."
  type        = number
}

variable "use_spot" {
  description = "Whether on Fargate Spot."
  type        = bool
}

variable "vpc_id" {
  description = "Network."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets."
  type        = list(string)
}

variable "security_group_ids" {
  description = "Security group of each service."
  type        = map(string)
}

variable "execution_role_arn" {
  description = "Role with which ECS starts containers."
  type        = string
}

variable "dagster_role_arn" {
  description = "Role of Dagster's tasks."
  type        = string
}

variable "dashboard_role_arn" {
  description = "Role of the dashboard."
  type        = string
}

variable "restart_role_arn" {
  description = "Role of the scheduler."
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

variable "database" {
  description = "Where the database is."
  type        = object({ host = string, port = number, database = string, username = string })
}

variable "database_secret_arn" {
  description = "Secret of the database."
  type        = string
}

variable "lakehouse_url" {
  description = "Root of the tables."
  type        = string
}

variable "artifacts_bucket" {
  description = "Bucket of compute logs."
  type        = string
}

variable "topic_arn" {
  description = "Topic of alerts."
  type        = string
}

variable "databricks_host" {
  description = "Address of the workspace."
  type        = string
}

variable "budget_usd" {
  description = "Budget of a month, US dollars."
  type        = number
}

variable "partition" {
  description = "AWS partition, aws in most regions."
  type        = string
}
