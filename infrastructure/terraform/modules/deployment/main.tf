# The deploy workflow's role: by a token of GitHub's that lives for minutes, and only for jobs of
# this GitHub environment, which for prod waits for a person. It brings images and starts them; it
# cannot change what Terraform made.

locals {
  family   = "arn:${var.partition}:ecs:${var.region}:${var.account_id}:task-definition/${var.name}"
  cluster  = "arn:${var.partition}:ecs:${var.region}:${var.account_id}:cluster/${var.name}"
  services = ["webserver", "code", "daemon", "dashboard"]
}

resource "aws_iam_role" "this" {
  name = "${var.name}-deploy"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = var.oidc_provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = "repo:${var.repository}:environment:${var.environment}"
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "deploy"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        # AWS takes no resource here.
        Sid      = "RegistryToken"
        Effect   = "Allow"
        Action   = ["ecr:GetAuthorizationToken"]
        Resource = ["*"]
      },
      {
        Sid    = "PushImage"
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
          "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
        ]
        Resource = [var.registry_arn]
      },
      {
        # Not tied to a family: a definition does nothing by itself, runs only in the services and
        # with the roles that the statements below name.
        Sid      = "TaskDefinitions"
        Effect   = "Allow"
        Action   = ["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"]
        Resource = ["*"]
      },
      {
        Sid       = "TagTaskDefinitions"
        Effect    = "Allow"
        Action    = ["ecs:TagResource"]
        Resource  = ["${local.family}-*:*"]
        Condition = { StringEquals = { "ecs:CreateAction" = "RegisterTaskDefinition" } }
      },
      {
        Sid    = "Services"
        Effect = "Allow"
        Action = ["ecs:DescribeServices", "ecs:UpdateService"]
        Resource = [
          for service in local.services :
          "arn:${var.partition}:ecs:${var.region}:${var.account_id}:service/${var.name}/${service}"
        ]
      },
      {
        Sid       = "Migrate"
        Effect    = "Allow"
        Action    = ["ecs:RunTask"]
        Resource  = ["${local.family}-run:*"]
        Condition = { ArnEquals = { "ecs:cluster" = local.cluster } }
      },
      {
        Sid      = "FollowMigration"
        Effect   = "Allow"
        Action   = ["ecs:DescribeTasks"]
        Resource = ["arn:${var.partition}:ecs:${var.region}:${var.account_id}:task/${var.name}/*"]
      },
      {
        Sid       = "TaskRoles"
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = var.task_role_arns
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
    ]
  })
}
