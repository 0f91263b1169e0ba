output "cluster_name" {
  description = "Name of the cluster."
  value       = aws_ecs_cluster.this.name
}

output "service_names" {
  description = "Names of the services."
  value       = sort([for service in aws_ecs_service.this : service.name])
}

output "run_task_definition" {
  description = "Family of the runs' task definition."
  value       = aws_ecs_task_definition.this["run"].family
}
