# Failed runs, failed checks and late data reach the topic from Dagster itself (automation/alerts).
# Alarms tell of what Dagster cannot tell of: that it is not there, and that money runs out.

locals {
  # Published by Dagster: nyc311_assets/resources/spend_metric.py.
  spend = { namespace = "NYC311", name = "SpendMonthToDate" }

  database_alarms = {
    storage     = { metric = "FreeStorageSpace", comparison = "LessThanThreshold", threshold = 2147483648, what = "less than 2 GiB are free" }
    cpu-credits = { metric = "CPUCreditBalance", comparison = "LessThanThreshold", threshold = 20, what = "it will soon be held to a tenth of its speed" }
  }
}

resource "aws_cloudwatch_metric_alarm" "month" {
  alarm_name          = "${var.name}-spend-of-month"
  alarm_description   = "The month has cost its budget of ${var.budget_usd} US dollars. See `nyc311 cost`."
  namespace           = local.spend.namespace
  metric_name         = local.spend.name
  dimensions          = { Environment = var.environment }
  statistic           = "Maximum"
  period              = 21600
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = var.budget_usd
  treat_missing_data  = "ignore"
  actions_enabled     = var.alarms_act
  alarm_actions       = [var.topic_arn]
}

# The day's spend is how much the month's has grown since the day before; at the turn of a month it
# shrinks, which is below every limit.
resource "aws_cloudwatch_metric_alarm" "day" {
  alarm_name          = "${var.name}-spend-of-day"
  alarm_description   = "A day has cost more than ${var.daily_spend_limit_usd} US dollars. See `nyc311 cost` and ops.runs."
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.daily_spend_limit_usd
  treat_missing_data  = "notBreaching"
  actions_enabled     = var.alarms_act
  alarm_actions       = [var.topic_arn]

  metric_query {
    id          = "day"
    expression  = "DIFF(month)"
    label       = "Spend of the day, US dollars"
    return_data = true
  }

  metric_query {
    id = "month"
    metric {
      namespace   = local.spend.namespace
      metric_name = local.spend.name
      dimensions  = { Environment = var.environment }
      stat        = "Maximum"
      period      = 86400
    }
  }
}

# Each running task sends one sample a minute.
resource "aws_cloudwatch_metric_alarm" "service" {
  for_each = toset(var.services)

  alarm_name          = "${var.name}-${each.key}-gone"
  alarm_description   = "No task of ${each.key} has run for 15 minutes. See the service's events and its log."
  namespace           = "AWS/ECS"
  metric_name         = "CPUUtilization"
  dimensions          = { ClusterName = var.cluster_name, ServiceName = each.key }
  statistic           = "SampleCount"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  actions_enabled     = var.alarms_act
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "database" {
  for_each = local.database_alarms

  alarm_name          = "${var.name}-database-${each.key}"
  alarm_description   = "Dagster's Postgres: ${each.value.what}."
  namespace           = "AWS/RDS"
  metric_name         = each.value.metric
  dimensions          = { DBInstanceIdentifier = var.database_id }
  statistic           = "Minimum"
  period              = 900
  evaluation_periods  = 2
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  actions_enabled     = var.alarms_act
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [
      for place, widget in [
        {
          title   = "Spend of the month, US dollars"
          stat    = "Maximum"
          metrics = [[local.spend.namespace, local.spend.name, "Environment", var.environment]]
          limit   = var.budget_usd
        },
        {
          title   = "Services: CPU, percent"
          stat    = "Average"
          metrics = [for service in var.services : ["AWS/ECS", "CPUUtilization", "ClusterName", var.cluster_name, "ServiceName", service]]
          limit   = 100
        },
        {
          title   = "Services: memory, percent"
          stat    = "Maximum"
          metrics = [for service in var.services : ["AWS/ECS", "MemoryUtilization", "ClusterName", var.cluster_name, "ServiceName", service]]
          limit   = 100
        },
        {
          title   = "Postgres: free storage, bytes"
          stat    = "Minimum"
          metrics = [["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", var.database_id]]
          limit   = local.database_alarms["storage"].threshold
        },
        ] : {
        type   = "metric"
        x      = 12 * (place % 2)
        y      = 6 * floor(place / 2)
        width  = 12
        height = 6
        properties = {
          region      = var.region
          title       = widget.title
          stat        = widget.stat
          period      = 300
          metrics     = widget.metrics
          annotations = { horizontal = [{ label = "limit", value = widget.limit }] }
        }
      }
    ]
  })
}
