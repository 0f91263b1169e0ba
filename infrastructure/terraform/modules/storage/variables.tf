variable "name" {
  description = "Prefix of every name: nyc311-<environment>."
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

variable "force_destroy" {
  description = "Whether buckets may be destroyed with objects in them."
  type        = bool
}
