variable "name" {
  description = "Prefix of every name: nyc311-<environment>."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets in two zones."
  type        = list(string)
}

variable "security_group_id" {
  description = "Security group."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of the environment."
  type        = string
}

variable "is_permanent" {
  description = "Whether it is protected, kept for longer and leaves a last snapshot."
  type        = bool
}
