# Two public subnets and no NAT gateway, which would cost more than the services: a gateway is paid
# by the hour and the gigabyte. Tasks have a public address to reach Databricks, the city's API and
# AWS; nothing reaches them: no security group lets anything in from outside. The way in for people
# is a port forwarded by Session Manager. S3 goes through a gateway endpoint, which is free.

locals {
  zones = { a = "10.31.0.0/24", b = "10.31.1.0/24" }
  # Services, and the port that each listens on.
  services = { webserver = 3000, code = 4000, daemon = null, dashboard = 8501 }
  # Who calls whom within the network.
  calls = {
    webserver-code = { from = "webserver", to = "code" }
    daemon-code    = { from = "daemon", to = "code" }
  }
  # Who uses the database. Runs have the daemon's group.
  database_users = toset(["webserver", "daemon", "code"])
}

resource "aws_vpc" "this" {
  cidr_block           = "10.31.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

resource "aws_default_security_group" "this" {
  # Without rules: nothing in, nothing out.
  vpc_id = aws_vpc.this.id
}

resource "aws_flow_log" "this" {
  vpc_id               = aws_vpc.this.id
  traffic_type         = "ALL"
  log_destination_type = "s3"
  log_destination      = "${var.flow_logs_arn}/network/"

  destination_options {
    file_format        = "parquet"
    per_hour_partition = false
  }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = var.name }
}

resource "aws_subnet" "this" {
  for_each = local.zones

  vpc_id            = aws_vpc.this.id
  availability_zone = "${var.region}${each.key}"
  cidr_block        = each.value
  # Tasks ask for an address, the database has none.
  map_public_ip_on_launch = false
  tags                    = { Name = "${var.name}-${each.key}" }
}

resource "aws_route_table" "this" {
  vpc_id = aws_vpc.this.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
  tags = { Name = var.name }
}

resource "aws_route_table_association" "this" {
  for_each = aws_subnet.this

  subnet_id      = each.value.id
  route_table_id = aws_route_table.this.id
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.this.id]

  # A task that was taken over cannot send the data to a bucket of somebody else's this way.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OurBuckets"
        Effect    = "Allow"
        Principal = "*"
        Action    = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetBucketLocation", "s3:AbortMultipartUpload"]
        Resource  = concat(var.bucket_arns, [for arn in var.bucket_arns : "${arn}/*"])
      },
      {
        Sid       = "LayersOfImages"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:GetObject"
        Resource  = [for arn in var.layers_buckets : "${arn}/*"]
      },
    ]
  })
}

resource "aws_security_group" "service" {
  #checkov:skip=CKV2_AWS_5:attached by the module services
  for_each = local.services

  name        = "${var.name}-${each.key}"
  description = "Service ${each.key}"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = aws_security_group.service

  security_group_id = each.value.id
  description       = "Databricks, the source, AWS, Slack"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_egress_rule" "code" {
  for_each = local.calls

  security_group_id            = aws_security_group.service[each.value.from].id
  referenced_security_group_id = aws_security_group.service[each.value.to].id
  description                  = "The code server"
  ip_protocol                  = "tcp"
  from_port                    = local.services[each.value.to]
  to_port                      = local.services[each.value.to]
}

resource "aws_vpc_security_group_ingress_rule" "code" {
  for_each = local.calls

  security_group_id            = aws_security_group.service[each.value.to].id
  referenced_security_group_id = aws_security_group.service[each.value.from].id
  description                  = "From ${each.value.from}"
  ip_protocol                  = "tcp"
  from_port                    = local.services[each.value.to]
  to_port                      = local.services[each.value.to]
}

resource "aws_security_group" "database" {
  #checkov:skip=CKV2_AWS_5:attached by the module database
  name        = "${var.name}-database"
  description = "Dagster's Postgres"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_egress_rule" "database" {
  for_each = local.database_users

  security_group_id            = aws_security_group.service[each.key].id
  referenced_security_group_id = aws_security_group.database.id
  description                  = "Dagster's Postgres"
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_vpc_security_group_ingress_rule" "database" {
  for_each = local.database_users

  security_group_id            = aws_security_group.database.id
  referenced_security_group_id = aws_security_group.service[each.key].id
  description                  = "From ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}
