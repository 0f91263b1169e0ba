# One environment, made of small modules. All of them hang on `enabled`.

locals {
  name  = "nyc311-${var.environment}"
  count = var.enabled ? 1 : 0
}

module "encryption" {
  source = "./modules/encryption"
  count  = local.count

  name       = local.name
  region     = var.region
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
}

module "storage" {
  source = "./modules/storage"
  count  = local.count

  name          = local.name
  account_id    = data.aws_caller_identity.current.account_id
  partition     = data.aws_partition.current.partition
  force_destroy = !var.is_permanent
}

module "audit" {
  source = "./modules/audit"
  count  = local.count

  name          = local.name
  bucket        = module.storage[0].logs_bucket
  watched       = [module.storage[0].lakehouse_arn, module.storage[0].artifacts_arn]
  include_reads = var.audit_reads
  kms_key_arn   = module.encryption[0].key_arn
}

module "network" {
  source = "./modules/network"
  count  = local.count

  name           = local.name
  region         = var.region
  partition      = data.aws_partition.current.partition
  flow_logs_arn  = module.storage[0].logs_arn
  bucket_arns    = [module.storage[0].lakehouse_arn, module.storage[0].artifacts_arn]
  layers_buckets = ["arn:${data.aws_partition.current.partition}:s3:::prod-${var.region}-starport-layer-bucket"]
}

module "database" {
  source = "./modules/database"
  count  = local.count

  name              = local.name
  subnet_ids        = module.network[0].subnet_ids
  security_group_id = module.network[0].database_group_id
  kms_key_arn       = module.encryption[0].key_arn
  is_permanent      = var.is_permanent
}

module "registry" {
  source = "./modules/registry"
  count  = local.count

  name         = local.name
  kms_key_arn  = module.encryption[0].key_arn
  force_delete = !var.is_permanent
}

module "secrets" {
  source = "./modules/secrets"
  count  = local.count

  name         = local.name
  kms_key_arn  = module.encryption[0].key_arn
  is_permanent = var.is_permanent
}

module "alerts" {
  source = "./modules/alerts"
  count  = local.count

  name        = local.name
  account_id  = data.aws_caller_identity.current.account_id
  emails      = var.alert_emails
  kms_key_arn = module.encryption[0].key_arn
}

module "identity" {
  source = "./modules/identity"
  count  = local.count

  name                   = local.name
  region                 = var.region
  account_id             = data.aws_caller_identity.current.account_id
  partition              = data.aws_partition.current.partition
  databricks_account_id  = var.databricks_account_id
  unity_catalog_role_arn = var.unity_catalog_role_arn
  lakehouse_arn          = module.storage[0].lakehouse_arn
  artifacts_arn          = module.storage[0].artifacts_arn
  topic_arn              = module.alerts[0].topic_arn
  kms_key_arn            = module.encryption[0].key_arn
  secret_arns            = module.secrets[0].arns
  database_secret_arn    = module.database[0].secret_arn
  repository_arn         = module.registry[0].repository_arn
}

module "services" {
  source = "./modules/services"
  count  = local.count

  name                = local.name
  region              = var.region
  partition           = data.aws_partition.current.partition
  environment         = var.environment
  image               = "${module.registry[0].repository_url}:${var.image_tag}"
  desired_count       = var.desired_count
  use_spot            = var.use_spot
  vpc_id              = module.network[0].vpc_id
  subnet_ids          = module.network[0].subnet_ids
  security_group_ids  = module.network[0].service_group_ids
  execution_role_arn  = module.identity[0].execution_role_arn
  dagster_role_arn    = module.identity[0].dagster_role_arn
  dashboard_role_arn  = module.identity[0].dashboard_role_arn
  restart_role_arn    = module.identity[0].restart_role_arn
  kms_key_arn         = module.encryption[0].key_arn
  secret_arns         = module.secrets[0].arns
  database            = module.database[0].connection
  database_secret_arn = module.database[0].secret_arn
  lakehouse_url       = module.storage[0].lakehouse_url
  artifacts_bucket    = module.storage[0].artifacts_bucket
  topic_arn           = module.alerts[0].topic_arn
  databricks_host     = var.databricks_host
  budget_usd          = var.budget_usd
}

module "monitoring" {
  source = "./modules/monitoring"
  count  = local.count

  name                  = local.name
  region                = var.region
  environment           = var.environment
  topic_arn             = module.alerts[0].topic_arn
  budget_usd            = var.budget_usd
  daily_spend_limit_usd = var.daily_spend_limit_usd
  cluster_name          = module.services[0].cluster_name
  services              = module.services[0].service_names
  database_id           = module.database[0].identifier
  # Nothing runs on purpose before the first image is there.
  alarms_act = var.desired_count > 0
}

module "budget" {
  source = "./modules/budget"
  count  = local.count

  name      = local.name
  limit_usd = var.budget_usd
  topic_arn = module.alerts[0].topic_arn
  emails    = var.alert_emails
}

module "deployment" {
  source = "./modules/deployment"
  count  = var.enabled && var.github_repository != null ? 1 : 0

  name              = local.name
  region            = var.region
  account_id        = data.aws_caller_identity.current.account_id
  partition         = data.aws_partition.current.partition
  environment       = var.environment
  repository        = var.github_repository
  oidc_provider_arn = var.github_oidc_provider_arn
  registry_arn      = module.registry[0].repository_arn
  task_role_arns = [
    module.identity[0].execution_role_arn,
    module.identity[0].dagster_role_arn,
    module.identity[0].dashboard_role_arn,
  ]
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}
