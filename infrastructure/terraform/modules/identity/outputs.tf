output "databricks_role_arn" {
  description = "Role of the storage credential."
  value       = aws_iam_role.databricks.arn
}

output "execution_role_arn" {
  description = "Role with which ECS starts containers."
  value       = aws_iam_role.execution.arn
}

output "dagster_role_arn" {
  description = "Role of Dagster's tasks."
  value       = aws_iam_role.dagster.arn
}

output "dashboard_role_arn" {
  description = "Role of the dashboard."
  value       = aws_iam_role.dashboard.arn
}

output "restart_role_arn" {
  description = "Role of the scheduler."
  value       = aws_iam_role.restart.arn
}
