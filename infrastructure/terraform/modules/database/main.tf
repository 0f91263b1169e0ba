# Dagster's runs, events and schedules. No table of the lakehouse is here.

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name   = "${var.name}-postgres16"
  family = "postgres16"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
  # Slower than a second. Statements as such are not logged: they hold run configuration.
  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_157:a second zone doubles the price; a restore from the last backup takes minutes, and runs wait
  #checkov:skip=CKV_AWS_161:Dagster connects with a password; it is made, kept and rotated by RDS in Secrets Manager
  #checkov:skip=CKV_AWS_118:enhanced monitoring is paid for as logs; CPU, storage and connections are watched without it
  #checkov:skip=CKV_AWS_293:deletion protection is on where is_permanent, as in prod
  #checkov:skip=CKV2_AWS_30:statements hold run configuration and are not logged, only those slower than a second
  identifier     = var.name
  engine         = "postgres"
  engine_version = "16"
  instance_class = "db.t4g.micro"
  db_name        = "dagster"
  username       = "dagster"

  # The password never is in Terraform's state.
  manage_master_user_password   = true
  master_user_secret_kms_key_id = var.kms_key_arn

  allocated_storage     = 20
  max_allocated_storage = 50
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  db_subnet_group_name   = aws_db_subnet_group.this.name
  parameter_group_name   = aws_db_parameter_group.this.name
  vpc_security_group_ids = [var.security_group_id]
  publicly_accessible    = false
  multi_az               = false
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period   = var.is_permanent ? 7 : 1
  copy_tags_to_snapshot     = true
  deletion_protection       = var.is_permanent
  skip_final_snapshot       = !var.is_permanent
  final_snapshot_identifier = var.is_permanent ? "${var.name}-last" : null

  # After the daily run (03:00 in New York), before people come.
  backup_window              = "10:00-10:30"
  maintenance_window         = "sun:10:45-sun:11:45"
  auto_minor_version_upgrade = true

  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.kms_key_arn
  enabled_cloudwatch_logs_exports = ["postgresql"]
}

# RDS would rotate it every 7 days. Services learn a new one when they start, so it happens at a
# known hour, and module services restarts them an hour and a quarter later.
resource "aws_secretsmanager_secret_rotation" "this" {
  secret_id          = aws_db_instance.this.master_user_secret[0].secret_arn
  rotate_immediately = false

  rotation_rules {
    schedule_expression = "cron(0 16 ? 1,4,7,10 2#1 *)"
    duration            = "1h"
  }
}
