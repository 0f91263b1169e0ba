# Entries without values: a value in Terraform would be in its state. README.md says how to set them.

locals {
  # By the environment variable that each becomes.
  secrets = {
    DATABRICKS_TOKEN      = "Token of Dagster's service principal in the Databricks workspace"
    NYC311_SODA_APP_TOKEN = "App token of the source; without one the source throttles"
    NYC311_MASK_SALT      = "Salt of the hashes of masked columns, at least 16 characters, for ever the same"
    NYC311_ALERT_URLS     = "Apprise URLs that alerts go to"
  }
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:tokens of Databricks, the source and Slack are made by hand there; docs/runbook.md says how to rotate each
  for_each = local.secrets

  name                    = "${var.name}/${each.key}"
  description             = each.value
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.is_permanent ? 30 : 0
}
