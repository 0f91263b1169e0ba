# The scheduler's, which restarts services after the database's password has changed.

resource "aws_iam_role" "restart" {
  name = "${var.name}-restart"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "restart" {
  name = "restart"
  role = aws_iam_role.restart.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid    = "Restart"
      Effect = "Allow"
      Action = ["ecs:UpdateService"]
      Resource = [
        for service in local.services :
        "arn:${var.partition}:ecs:${var.region}:${var.account_id}:service/${var.name}/${service}"
      ]
    }]
  })
}
