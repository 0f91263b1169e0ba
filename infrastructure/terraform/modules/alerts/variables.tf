variable "name" {
  description = "Prefix of every name: nyc311-<environment>."
  type        = string
}

variable "account_id" {
  description = "AWS account id."
  type        = string
}

variable "emails" {
  description = "Addresses to subscribe."
  type        = list(string)
}

variable "kms_key_arn" {
  description = "Key of the environment."
  type        = string
}
