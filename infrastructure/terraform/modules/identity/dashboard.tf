# Reads the tables, and writes only what people say of alerts.

resource "aws_iam_role" "dashboard" {
  name               = "${var.name}-dashboard"
  assume_role_policy = local.tasks_trust
}

resource "aws_iam_role_policy" "dashboard" {
  name = "look"
  role = aws_iam_role.dashboard.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.read_lakehouse, [
      {
        # Delta has to delete only in VACUUM, which is not the dashboard's.
        Sid      = "Acknowledge"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${var.lakehouse_arn}/ops/alerts/*"]
      },
      local.session,
      local.session_log,
    ])
  })
}
