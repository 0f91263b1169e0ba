variable "name" {
  description = "Prefix of every name: nyc311-<environment>."
  type        = string
}

variable "kms_key_arn" {
  description = "Key of the environment."
  type        = string
}

variable "force_delete" {
  description = "Whether it may be destroyed with images in it."
  type        = bool
}
