locals {
  cluster_arn = "arn:${var.partition}:ecs:${var.region}:${var.account_id}:cluster/${var.name}"
  tasks_arn   = "arn:${var.partition}:ecs:${var.region}:${var.account_id}:task/${var.name}/*"
  run_arn     = "arn:${var.partition}:ecs:${var.region}:${var.account_id}:task-definition/${var.name}-run"
  logs_arn    = "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:/${var.name}"
  services    = ["webserver", "code", "daemon", "dashboard"]

  # What the tables are read with, by Dagster and the dashboard alike.
  read_lakehouse = [
    {
      Sid      = "ListTables"
      Effect   = "Allow"
      Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
      Resource = [var.lakehouse_arn]
    },
    {
      Sid      = "ReadTables"
      Effect   = "Allow"
      Action   = ["s3:GetObject"]
      Resource = [for layer in ["bronze", "silver", "gold", "ml", "ops"] : "${var.lakehouse_arn}/${layer}/*"]
    },
  ]

  # Session Manager's channel, by which a person forwards a port of a task. AWS takes no resource.
  session = {
    Sid    = "Session"
    Effect = "Allow"
    Action = [
      "ssmmessages:CreateControlChannel",
      "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel",
      "ssmmessages:OpenDataChannel",
    ]
    Resource = ["*"]
  }

  session_log = {
    Sid      = "SessionLog"
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    Resource = ["${local.logs_arn}/sessions:*"]
  }

  tasks_trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnLike      = { "aws:SourceArn" = "arn:${var.partition}:ecs:${var.region}:${var.account_id}:*" }
      }
    }]
  })
}
