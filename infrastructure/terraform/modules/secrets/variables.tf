variable "name" {
  description = "Prefix of every name: nyc311-<environment>."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of the environment."
  type        = string
}

variable "is_permanent" {
  description = "Whether a deleted secret can be had back for 30 days."
  type        = bool
}
