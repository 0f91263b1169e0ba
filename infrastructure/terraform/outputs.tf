# Null where the environment does not exist.

output "lakehouse_url" {
  description = "NYC311_LAKEHOUSE_URL, and the URL of Databricks' external location."
  value       = one(module.storage[*].lakehouse_url)
}

output "artifacts_bucket" {
  description = "Bucket of Dagster's compute logs."
  value       = one(module.storage[*].artifacts_bucket)
}

output "logs_bucket" {
  description = "Bucket of CloudTrail's, S3's and the network's logs."
  value       = one(module.storage[*].logs_bucket)
}

output "storage_credential_role_arn" {
  description = "Role that Databricks' storage credential names."
  value       = one(module.identity[*].databricks_role_arn)
}

output "alert_topic_arn" {
  description = "NYC311_ALERT_TOPIC_ARN."
  value       = one(module.alerts[*].topic_arn)
}

output "secret_names" {
  description = "Secrets to give values to, by the environment variable that each becomes."
  value       = one(module.secrets[*].names)
}

output "database_endpoint" {
  description = "Host of Dagster's Postgres."
  value       = one(module.database[*].connection.host)
}

output "registry_url" {
  description = "Where the image is pushed to."
  value       = one(module.registry[*].repository_url)
}

output "cluster_name" {
  description = "ECS cluster of the services."
  value       = one(module.services[*].cluster_name)
}

output "service_names" {
  description = "ECS services."
  value       = one(module.services[*].service_names)
}

output "run_task_definition" {
  description = "Task definition that EcsRunLauncher starts runs with (DAGSTER_RUN_TASK_DEFINITION)."
  value       = one(module.services[*].run_task_definition)
}

output "deploy_role_arn" {
  description = "Role of the deploy workflow, AWS_DEPLOY_ROLE_ARN of its GitHub environment."
  value       = one(module.deployment[*].role_arn)
}
