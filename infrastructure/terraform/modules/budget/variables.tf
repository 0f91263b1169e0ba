variable "name" {
  description = "Prefix of every name: nyc311-<environment>."
  type        = string
}

variable "limit_usd" {
  description = "Limit of a month, US dollars."
  type        = number
}

variable "topic_arn" {
  description = "Topic of alerts."
  type        = string
}

variable "emails" {
  description = "Addresses that are told directly too."
  type        = list(string)
}
