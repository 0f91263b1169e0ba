# Webserver, code server, daemon and runs. It submits work to Databricks, which writes the tables;
# here it writes only the tables of operation.

resource "aws_iam_role" "dagster" {
  name               = "${var.name}-dagster"
  assume_role_policy = local.tasks_trust
}

resource "aws_iam_role_policy" "dagster" {
  name = "orchestrate"
  role = aws_iam_role.dagster.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.read_lakehouse, [
      {
        Sid      = "WriteOperations"
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:DeleteObject"]
        Resource = [for table in ["alerts", "checks", "runs"] : "${var.lakehouse_arn}/ops/${table}/*"]
      },
      {
        Sid      = "ComputeLogs"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        Resource = ["${var.artifacts_arn}/compute-logs/*"]
      },
      {
        Sid       = "ListComputeLogs"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = [var.artifacts_arn]
        Condition = { StringLike = { "s3:prefix" = ["compute-logs/*"] } }
      },
      {
        Sid      = "Alert"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = [var.topic_arn]
      },
      {
        Sid       = "AlertKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = [var.kms_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = "sns.${var.region}.amazonaws.com" } }
      },
      {
        Sid      = "Secrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = values(var.secret_arns)
      },
      {
        Sid       = "SecretsKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [var.kms_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.region}.amazonaws.com" } }
      },
      {
        # AWS takes no resource for metrics; the namespace is the bound.
        Sid       = "Metrics"
        Effect    = "Allow"
        Action    = ["cloudwatch:PutMetricData"]
        Resource  = ["*"]
        Condition = { StringEquals = { "cloudwatch:namespace" = "NYC311" } }
      },
      # EcsRunLauncher: runs are tasks of one definition, made here and by rollout.py, in this cluster.
      {
        Sid       = "LaunchRuns"
        Effect    = "Allow"
        Action    = ["ecs:RunTask"]
        Resource  = ["${local.run_arn}:*"]
        Condition = { ArnEquals = { "ecs:cluster" = local.cluster_arn } }
      },
      {
        Sid      = "FollowRuns"
        Effect   = "Allow"
        Action   = ["ecs:DescribeTasks", "ecs:StopTask"]
        Resource = [local.tasks_arn]
      },
      {
        Sid       = "TagRuns"
        Effect    = "Allow"
        Action    = ["ecs:TagResource"]
        Resource  = [local.tasks_arn]
        Condition = { StringEquals = { "ecs:CreateAction" = "RunTask" } }
      },
      {
        # AWS takes no resource for these two; they only read.
        Sid      = "KnowItsOwnTask"
        Effect   = "Allow"
        Action   = ["ecs:DescribeTaskDefinition", "ec2:DescribeNetworkInterfaces"]
        Resource = ["*"]
      },
      {
        # A run's tags can name another role: these two only.
        Sid       = "GiveRunsTheirRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = [aws_iam_role.dagster.arn, aws_iam_role.execution.arn]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      local.session,
      local.session_log,
    ])
  })
}
