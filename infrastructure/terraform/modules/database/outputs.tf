output "connection" {
  description = "Where the database is, and as whom to connect."
  value = {
    host     = aws_db_instance.this.address
    port     = aws_db_instance.this.port
    database = aws_db_instance.this.db_name
    username = aws_db_instance.this.username
  }
}

output "secret_arn" {
  description = "Secret with username and password, kept by RDS."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "identifier" {
  description = "Name of the instance."
  value       = aws_db_instance.this.identifier
}
