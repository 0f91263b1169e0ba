# The storage credential's role. Databricks demands that it may assume itself; a role cannot name
# itself in its trust before it is there, so the account is named and held to this one role.

locals {
  databricks_role_arn = "arn:${var.partition}:iam::${var.account_id}:role/${var.name}-databricks"
}

resource "aws_iam_role" "databricks" {
  name = "${var.name}-databricks"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "UnityCatalog"
        Effect    = "Allow"
        Principal = { AWS = var.unity_catalog_role_arn }
        Action    = "sts:AssumeRole"
        Condition = { StringEquals = { "sts:ExternalId" = var.databricks_account_id } }
      },
      {
        Sid       = "ItselfOnly"
        Effect    = "Allow"
        Principal = { AWS = "arn:${var.partition}:iam::${var.account_id}:root" }
        Action    = "sts:AssumeRole"
        Condition = {
          ArnEquals    = { "aws:PrincipalArn" = local.databricks_role_arn }
          StringEquals = { "sts:ExternalId" = var.databricks_account_id }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "databricks" {
  name = "lakehouse"
  role = aws_iam_role.databricks.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "Bucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]
        Resource = [var.lakehouse_arn]
      },
      {
        Sid      = "Objects"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = ["${var.lakehouse_arn}/*"]
      },
      {
        Sid      = "Itself"
        Effect   = "Allow"
        Action   = ["sts:AssumeRole"]
        Resource = [local.databricks_role_arn]
      },
    ]
  })
}
