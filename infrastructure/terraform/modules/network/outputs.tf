output "vpc_id" {
  description = "Id of the network."
  value       = aws_vpc.this.id
}

output "subnet_ids" {
  description = "Subnets, in two zones."
  value       = [for subnet in aws_subnet.this : subnet.id]
}

output "service_group_ids" {
  description = "Security group of each service."
  value       = { for name, group in aws_security_group.service : name => group.id }
}

output "database_group_id" {
  description = "Security group of the database."
  value       = aws_security_group.database.id
}
