variable "name" {
  description = "Prefix of every name: nyc311-<environment>."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "environment" {
  description = "Value of the dimension Environment."
  type        = string
}

variable "topic_arn" {
  description = "Topic of alerts."
  type        = string
}

variable "budget_usd" {
  description = "Budget of a month, US dollars."
  type        = number
}

variable "daily_spend_limit_usd" {
  description = "Limit of a day, US dollars."
  type        = number
}

variable "cluster_name" {
  description = "ECS cluster."
  type        = string
}

variable "services" {
  description = "ECS services."
  type        = list(string)
}

variable "database_id" {
  description = "Database."
  type        = string
}

variable "alarms_act" {
  description = "Whether alarms tell anybody."
  type        = bool
}
