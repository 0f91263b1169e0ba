# What keeps the data safe.

mock_provider "aws" {}

variables {
  name          = "nyc311-prod"
  account_id    = "123456789012"
  partition     = "aws"
  force_destroy = false
}

run "every_bucket_is_private_encrypted_and_versioned" {
  command = apply
  module {
    source = "./modules/storage"
  }

  assert {
    condition = toset([for each in aws_s3_bucket.this : each.bucket]) == toset([
      "nyc311-prod-lakehouse-123456789012", "nyc311-prod-artifacts-123456789012", "nyc311-prod-logs-123456789012",
    ])
    error_message = "There are other buckets."
  }
  assert {
    condition = alltrue([
      for each in aws_s3_bucket_public_access_block.this :
      each.block_public_acls && each.block_public_policy && each.ignore_public_acls && each.restrict_public_buckets
    ])
    error_message = "A bucket can be made public."
  }
  assert {
    condition     = alltrue([for each in aws_s3_bucket_versioning.this : each.versioning_configuration[0].status == "Enabled"])
    error_message = "A bucket keeps no versions."
  }
  assert {
    condition = alltrue([
      for each in aws_s3_bucket_server_side_encryption_configuration.this :
      one(each.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    ])
    error_message = "A bucket is not encrypted."
  }
  assert {
    condition     = alltrue([for each in aws_s3_bucket.this : !each.force_destroy])
    error_message = "A permanent bucket can be destroyed with what it holds."
  }
}

run "nobody_comes_without_tls" {
  command = apply
  module {
    source = "./modules/storage"
  }

  assert {
    condition = alltrue([
      for each in aws_s3_bucket_policy.this : anytrue([
        for statement in jsondecode(each.policy).Statement :
        statement.Effect == "Deny" && statement.Principal == "*" &&
        try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
      ])
    ])
    error_message = "A bucket answers without TLS."
  }
}

run "lifecycle" {
  command = apply
  module {
    source = "./modules/storage"
  }

  assert {
    condition = anytrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this["lakehouse"].rule :
      try(
        one(rule.filter).prefix == "bronze/" && one(rule.transition).days == 90 &&
        one(rule.transition).storage_class == "STANDARD_IA",
      false)
    ])
    error_message = "Bronze does not go to cheaper storage after 90 days."
  }
  assert {
    condition = alltrue([
      for each in aws_s3_bucket_lifecycle_configuration.this : anytrue([
        for rule in each.rule : length(rule.abort_incomplete_multipart_upload) == 1
      ])
    ])
    error_message = "Failed uploads stay."
  }
  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_lifecycle_configuration.this["lakehouse"].rule :
      length([for each in rule.expiration : each if try(each.days, 0) != 0 && each.days != null]) == 0
    ])
    error_message = "The lakehouse's objects expire, whatever Delta says."
  }
}
