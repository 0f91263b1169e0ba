resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:services' logs are looked at for weeks; what happened to data is in ops.runs, ops.alerts and the trail
  for_each = { services = 30, sessions = 90 }

  name              = "/${var.name}/${each.key}"
  retention_in_days = each.value
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_cluster" "this" {
  #checkov:skip=CKV_AWS_224:sessions go through TLS and their log is encrypted below; a key for the channel too would have to be every task's
  #checkov:skip=CKV_AWS_65:container insights cost more in a month than the database; CPU, memory and the number of tasks are measured without
  name = var.name

  configuration {
    execute_command_configuration {
      logging = "OVERRIDE"
      log_configuration {
        cloud_watch_encryption_enabled = true
        cloud_watch_log_group_name     = aws_cloudwatch_log_group.this["sessions"].name
      }
    }
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_ecs_task_definition" "this" {
  #checkov:skip=CKV_AWS_336:the agent of Session Manager, by which people reach the services, writes into the container
  for_each = local.tasks

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = var.execution_role_arn
  task_role_arn            = each.value.role

  # ARM costs a fifth less.
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "ARM64"
  }

  container_definitions = jsonencode([{
    name        = each.key
    image       = var.image
    command     = each.value.command
    essential   = true
    privileged  = false
    environment = [for name in sort(keys(each.value.environment)) : { name = name, value = each.value.environment[name] }]
    secrets     = [for name in sort(keys(each.value.secrets)) : { name = name, valueFrom = each.value.secrets[name] }]
    # Ends what a container started, when it is stopped.
    linuxParameters = { initProcessEnabled = true }
    portMappings    = each.key == "code" ? [{ containerPort = 4000, hostPort = 4000, protocol = "tcp" }] : []
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this["services"].name
        awslogs-region        = var.region
        awslogs-stream-prefix = each.key
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  #checkov:skip=CKV_AWS_333:a public address is the way out without a NAT gateway; no security group lets anything in from outside
  for_each = local.services

  name                   = each.key
  cluster                = aws_ecs_cluster.this.id
  task_definition        = aws_ecs_task_definition.this[each.key].arn
  desired_count          = var.desired_count
  enable_execute_command = true
  propagate_tags         = "SERVICE"

  # One at a time: two daemons would launch each run twice.
  deployment_minimum_healthy_percent = 0
  deployment_maximum_percent         = 100

  capacity_provider_strategy {
    capacity_provider = var.use_spot ? "FARGATE_SPOT" : "FARGATE"
    weight            = 1
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_ids[each.key]]
    assign_public_ip = true
  }

  dynamic "service_registries" {
    for_each = each.key == "code" ? [aws_service_discovery_service.code.arn] : []
    content {
      registry_arn = service_registries.value
    }
  }

  # A release brings new task definitions (infrastructure/rollout.py).
  lifecycle {
    ignore_changes = [task_definition]
  }

  depends_on = [aws_ecs_cluster_capacity_providers.this]
}

resource "aws_service_discovery_private_dns_namespace" "this" {
  name = "${var.name}.internal"
  vpc  = var.vpc_id
}

resource "aws_service_discovery_service" "code" {
  name = "code"

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.this.id
    routing_policy = "MULTIVALUE"
    dns_records {
      type = "A"
      ttl  = 10
    }
  }
}

# See module database: the password has changed by then.
resource "aws_scheduler_schedule" "restart" {
  #checkov:skip=CKV_AWS_297:the schedule holds names of services and no data
  for_each = setsubtract(local.services, ["dashboard"])

  name                = "${var.name}-restart-${each.key}"
  description         = "Restart ${each.key} with the database's new password"
  schedule_expression = "cron(15 17 ? 1,4,7,10 2#1 *)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = "arn:${var.partition}:scheduler:::aws-sdk:ecs:updateService"
    role_arn = var.restart_role_arn
    input    = jsonencode({ Cluster = var.name, Service = each.key, ForceNewDeployment = true })
  }
}
