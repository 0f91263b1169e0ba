variable "name" {
  description = "Prefix of every name: nyc311-<environment>."
  type        = string
}

variable "bucket" {
  description = "Bucket of logs."
  type        = string
}

variable "watched" {
  description = "ARNs of the buckets whose objects are watched."
  type        = list(string)
}

variable "include_reads" {
  description = "Whether reads are recorded too."
  type        = bool
}

variable "kms_key_arn" {
  description = "Key of the environment."
  type        = string
}
