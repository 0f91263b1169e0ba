# Three buckets: the lakehouse (Delta tables and the Volume), artifacts (Dagster's compute logs) and
# logs (CloudTrail, S3 access, network flows). A name has the account's id in it: names of buckets
# are the whole world's.

locals {
  buckets = { for kind in ["lakehouse", "artifacts", "logs"] : kind => "${var.name}-${kind}-${var.account_id}" }
  arns    = { for kind, bucket in local.buckets : kind => "arn:${var.partition}:s3:::${bucket}" }
  logged  = toset(["lakehouse", "artifacts"])

  # Days that a deleted or replaced object can still be had back. VACUUM deletes too, after 7 days,
  # so that a table's old files are here for so many days more.
  noncurrent_days = { lakehouse = 30, artifacts = 30, logs = 30 }
  # Days after which an object goes; the lakehouse's never do: Delta decides on them.
  expire_days = { artifacts = 90, logs = 400 }
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144:a copy in another region doubles the price; bronze can be pulled again from the source, docs/runbook.md says how
  #checkov:skip=CKV_AWS_145:SSE-S3 by choice: a key of one's own costs a request to KMS for each of Delta's many small files
  #checkov:skip=CKV2_AWS_62:nothing waits for events of these buckets
  #checkov:skip=CKV_AWS_18:lakehouse and artifacts are logged below, the bucket of logs cannot log to itself
  for_each = local.buckets

  bucket        = each.value
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    id     = "failed-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = local.noncurrent_days[each.key]
    }
    expiration {
      expired_object_delete_marker = true
    }
  }

  # Read again only to make silver anew. It stays readable at once: Delta knows no restoring.
  dynamic "rule" {
    for_each = each.key == "lakehouse" ? ["bronze/"] : []
    content {
      id     = "bronze-to-cheaper-storage"
      status = "Enabled"
      filter {
        prefix = rule.value
      }
      transition {
        days          = 90
        storage_class = "STANDARD_IA"
      }
    }
  }

  dynamic "rule" {
    for_each = contains(keys(local.expire_days), each.key) ? [local.expire_days[each.key]] : []
    content {
      id     = "expire"
      status = "Enabled"
      filter {}
      expiration {
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_logging" "this" {
  for_each = local.logged

  bucket        = aws_s3_bucket.this[each.key].id
  target_bucket = aws_s3_bucket.this["logs"].id
  target_prefix = "s3/${each.key}/"

  depends_on = [aws_s3_bucket_policy.this]
}

locals {
  tls_only = { for kind, arn in local.arns : kind => [
    {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [arn, "${arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    },
    {
      Sid       = "Tls12"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [arn, "${arn}/*"]
      Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
    },
  ] }

  writers = [
    {
      Sid       = "Trail"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "${local.arns["logs"]}/cloudtrail/AWSLogs/${var.account_id}/*"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    },
    {
      Sid       = "TrailLooks"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:GetBucketAcl"
      Resource  = local.arns["logs"]
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    },
    {
      Sid       = "S3Access"
      Effect    = "Allow"
      Principal = { Service = "logging.s3.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "${local.arns["logs"]}/s3/*"
      Condition = {
        StringEquals = { "aws:SourceAccount" = var.account_id }
        ArnEquals    = { "aws:SourceArn" = [local.arns["lakehouse"], local.arns["artifacts"]] }
      }
    },
    {
      Sid       = "NetworkFlows"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = "s3:PutObject"
      Resource  = "${local.arns["logs"]}/network/AWSLogs/${var.account_id}/*"
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    },
    {
      Sid       = "NetworkFlowsLook"
      Effect    = "Allow"
      Principal = { Service = "delivery.logs.amazonaws.com" }
      Action    = "s3:GetBucketAcl"
      Resource  = local.arns["logs"]
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    },
  ]
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  # Encoded apart: the lists' statements have no common shape.
  policy = each.key == "logs" ? jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.tls_only[each.key], local.writers)
    }) : jsonencode({
    Version   = "2012-10-17"
    Statement = local.tls_only[each.key]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}
