# By way of the policies' resources: who uses a bucket waits until it is closed to the public.

output "lakehouse_url" {
  description = "Root of the tables."
  value       = "s3://${aws_s3_bucket_policy.this["lakehouse"].bucket}"
}

output "lakehouse_arn" {
  description = "ARN of the lakehouse's bucket."
  value       = local.arns["lakehouse"]
}

output "artifacts_bucket" {
  description = "Name of the artifacts' bucket."
  value       = aws_s3_bucket_policy.this["artifacts"].bucket
}

output "artifacts_arn" {
  description = "ARN of the artifacts' bucket."
  value       = local.arns["artifacts"]
}

output "logs_bucket" {
  description = "Name of the logs' bucket."
  value       = aws_s3_bucket_policy.this["logs"].bucket
}

output "logs_arn" {
  description = "ARN of the logs' bucket."
  value       = "arn:${var.partition}:s3:::${aws_s3_bucket_policy.this["logs"].bucket}"
}
