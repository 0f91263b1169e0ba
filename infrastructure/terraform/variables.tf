variable "environment" {
  description = "dev, qa or prod. It is part of every name."
  type        = string

  validation {
    condition     = contains(["dev", "qa", "prod"], var.environment)
    error_message = "environment is dev, qa or prod."
  }
}

variable "enabled" {
  description = "Whether the environment exists. qa does not unless it is asked for: -var enabled=true; with false, apply removes it."
  type        = bool
}

variable "is_permanent" {
  description = "Whether data outlives the environment: deletion protection, a final snapshot, buckets that cannot be destroyed while they hold objects."
  type        = bool
}

variable "region" {
  description = "AWS region, the same as the Databricks workspace's: traffic between regions is paid for."
  type        = string
  default     = "us-east-1"
}

variable "databricks_account_id" {
  description = "External id of the storage credential's role: the Databricks account id, or the external id that the credential shows."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f-]{36}$", var.databricks_account_id))
    error_message = "databricks_account_id is a UUID: the account console shows it, and so does the storage credential as its external id."
  }
}

variable "unity_catalog_role_arn" {
  description = "Databricks' own role that assumes ours. The default is that of Databricks on AWS outside GovCloud."
  type        = string
  default     = "arn:aws:iam::414351767826:role/unity-catalog-prod-UCMasterRole-14S5ZJVKOTYTL"
}

variable "databricks_host" {
  description = "Address of the Databricks workspace, https://…"
  type        = string

  validation {
    condition     = startswith(var.databricks_host, "https://")
    error_message = "databricks_host begins with https://."
  }
}

variable "image_tag" {
  description = "Tag of the image that services start with when they are made. Later ones come by infrastructure/rollout.py."
  type        = string
  default     = "bootstrap"
}

variable "desired_count" {
  description = "Tasks of each service: 1, or 0 until the first image is in the registry and the secrets have values."
  type        = number
  default     = 1

  validation {
    condition     = contains([0, 1], var.desired_count)
    error_message = "desired_count is 0 or 1: two Dagster daemons would launch each run twice."
  }
}

variable "use_spot" {
  description = "Run the services on Fargate Spot: cheaper, and a task may be restarted at any time."
  type        = bool
}

variable "audit_reads" {
  description = "Whether CloudTrail records reads of the lakehouse too, not only writes."
  type        = bool
}

variable "alert_emails" {
  description = "Addresses that alerts, alarms and the budget go to. Each has to confirm its subscription."
  type        = list(string)
  default     = []
}

variable "budget_usd" {
  description = "What this environment may cost in a month, AWS and Databricks together, US dollars."
  type        = number

  validation {
    condition     = var.budget_usd > 0
    error_message = "budget_usd is greater than 0."
  }
}

variable "daily_spend_limit_usd" {
  description = "Spend of one day, US dollars, above which the alarm rings."
  type        = number
}

variable "github_repository" {
  description = "owner/name of the repository whose workflow may deploy; null: none may."
  type        = string
  default     = null
}

variable "github_oidc_provider_arn" {
  description = "The account's identity provider for GitHub, an output of bootstrap/. Needed with github_repository."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || var.github_oidc_provider_arn != null
    error_message = "github_repository needs github_oidc_provider_arn, an output of bootstrap/."
  }
}
