# The whole of an environment, against a provider that makes everything up.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/made-up" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:123456789012:made-up" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:made-up" }
  }
  mock_resource "aws_ecs_cluster" {
    defaults = { id = "arn:aws:ecs:us-east-1:123456789012:cluster/nyc311-dev" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/made-up:1" }
  }
  mock_resource "aws_service_discovery_service" {
    defaults = { arn = "arn:aws:servicediscovery:us-east-1:123456789012:service/made-up" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:made-up" }
  }
  mock_resource "aws_db_instance" {
    defaults = {
      address            = "made-up.rds.amazonaws.com"
      port               = 5432
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds", kms_key_id = "", secret_status = "active" }]
    }
  }
  mock_resource "aws_ecr_repository" {
    defaults = {
      arn            = "arn:aws:ecr:us-east-1:123456789012:repository/nyc311-dev"
      repository_url = "123456789012.dkr.ecr.us-east-1.amazonaws.com/nyc311-dev"
    }
  }
}

variables {
  environment           = "dev"
  enabled               = true
  is_permanent          = false
  use_spot              = true
  audit_reads           = false
  budget_usd            = 100
  daily_spend_limit_usd = 8
  databricks_account_id = "00000000-0000-0000-0000-000000000000"
  databricks_host       = "https://dbc-00000000-0000.cloud.databricks.com"
}

run "an_environment_has_what_the_project_asks_for" {
  command = apply

  assert {
    condition     = startswith(output.lakehouse_url, "s3://")
    error_message = "The lakehouse is ${output.lakehouse_url}."
  }
  assert {
    condition     = output.service_names == tolist(["code", "daemon", "dashboard", "webserver"])
    error_message = "The services are ${jsonencode(output.service_names)}."
  }
  assert {
    condition     = output.run_task_definition == "nyc311-dev-run"
    error_message = "DAGSTER_RUN_TASK_DEFINITION names another family."
  }
  assert {
    condition     = output.secret_names["DATABRICKS_TOKEN"] == "nyc311-dev/DATABRICKS_TOKEN"
    error_message = "NYC311_SECRETS_PREFIX would not find the secrets."
  }
  assert {
    condition     = output.deploy_role_arn == null
    error_message = "Without a repository nobody deploys."
  }
}

run "a_repository_may_deploy" {
  command = apply

  variables {
    github_repository        = "city/nyc311_assets"
    github_oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
  }
  assert {
    condition     = output.deploy_role_arn != null
    error_message = "There is no role for the workflow."
  }
}

run "qa_does_not_exist_until_it_is_asked_for" {
  command = apply

  variables {
    environment = "qa"
    enabled     = false
  }
  assert {
    condition     = output.lakehouse_url == null && output.cluster_name == null && output.database_endpoint == null
    error_message = "Something of it is there."
  }
}

run "wrong_values_are_refused_before_anything_is_made" {
  command = plan

  variables {
    environment           = "staging"
    desired_count         = 2
    databricks_account_id = "my account"
    databricks_host       = "dbc.cloud.databricks.com"
    budget_usd            = 0
    github_repository     = "city/nyc311_assets"
  }
  expect_failures = [
    var.environment,
    var.desired_count,
    var.databricks_account_id,
    var.databricks_host,
    var.budget_usd,
    var.github_oidc_provider_arn,
  ]
}
