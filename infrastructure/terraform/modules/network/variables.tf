variable "name" {
  description = "Prefix of every name: nyc311-<environment>."
  type        = string
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "partition" {
  description = "AWS partition, aws in most regions."
  type        = string
}

variable "flow_logs_arn" {
  description = "ARN of the bucket that flows are recorded in."
  type        = string
}

variable "bucket_arns" {
  description = "Buckets that the endpoint of S3 leads to."
  type        = list(string)
}

variable "layers_buckets" {
  description = "ARNs of the buckets that hold the layers of images in ECR."
  type        = list(string)
}
