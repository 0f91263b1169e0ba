# Who runs what, with how much. A service and its task definition have the same key.

locals {
  dagster_environment = {
    AWS_REGION                  = var.region
    DAGSTER_CODE_SERVER_HOST    = "code.${var.name}.internal"
    DAGSTER_CODE_SERVER_PORT    = "4000"
    DAGSTER_COMPUTE_LOGS_BUCKET = var.artifacts_bucket
    DAGSTER_COMPUTE_LOGS_PREFIX = "compute-logs"
    DAGSTER_POSTGRES_DB         = var.database.database
    DAGSTER_POSTGRES_HOST       = var.database.host
    DAGSTER_POSTGRES_PORT       = tostring(var.database.port)
    DAGSTER_POSTGRES_USER       = var.database.username
    DAGSTER_RUN_TASK_DEFINITION = "${var.name}-run"
    DATABRICKS_HOST             = var.databricks_host
    NYC311_ALERT_TOPIC_ARN      = var.topic_arn
    NYC311_BUDGET_USD           = tostring(var.budget_usd)
    NYC311_CATALOG              = "nyc311_${var.environment}"
    NYC311_CLOUDWATCH_REGION    = var.region
    NYC311_ENVIRONMENT          = var.environment
    NYC311_LAKEHOUSE_URL        = var.lakehouse_url
    NYC311_VOLUME_PATH          = "/Volumes/nyc311_${var.environment}/ops/files"
  }
  dagster_secrets = merge(var.secret_arns, {
    DAGSTER_POSTGRES_PASSWORD = "${var.database_secret_arn}:password::"
  })

  dagster = {
    role        = var.dagster_role_arn
    environment = local.dagster_environment
    secrets     = local.dagster_secrets
  }

  # People reach the webserver and the dashboard by a forwarded port, which comes out at 127.0.0.1
  # of the task: nothing has to listen on the network.
  tasks = {
    webserver = merge(local.dagster, {
      command = ["dagster-webserver", "--host", "127.0.0.1", "--port", "3000", "--workspace", "workspace.yaml"]
      cpu     = 256
      memory  = 1024
    })
    code = merge(local.dagster, {
      command = ["dagster", "api", "grpc", "--host", "0.0.0.0", "--port", "4000", "--module-name", "nyc311_assets.definitions"]
      cpu     = 256
      memory  = 2048
    })
    daemon = merge(local.dagster, {
      command = ["dagster-daemon", "run", "--workspace", "workspace.yaml"]
      cpu     = 256
      memory  = 1024
    })
    # Started by EcsRunLauncher, with a command of its own, never as a service.
    run = merge(local.dagster, {
      command = ["dagster", "--version"]
      cpu     = 256
      memory  = 2048
    })
    dashboard = {
      role = var.dashboard_role_arn
      environment = {
        AWS_REGION           = var.region
        NYC311_ENVIRONMENT   = var.environment
        NYC311_LAKEHOUSE_URL = var.lakehouse_url
      }
      secrets = {}
      command = ["nyc311", "dashboard"]
      cpu     = 256
      memory  = 1024
    }
  }

  services = toset(["webserver", "code", "daemon", "dashboard"])
}
