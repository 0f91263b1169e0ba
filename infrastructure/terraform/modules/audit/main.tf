# Who wrote, and where asked who read, which object. Paid for by the event, so only these buckets.

resource "aws_cloudtrail" "this" {
  #checkov:skip=CKV2_AWS_10:events lie in S3, where Athena reads them; a second copy in CloudWatch Logs costs $0.50 a GB
  #checkov:skip=CKV_AWS_252:nobody is told of each log file; alarms tell of what matters
  name                          = var.name
  s3_bucket_name                = var.bucket
  s3_key_prefix                 = "cloudtrail"
  kms_key_id                    = var.kms_key_arn
  enable_log_file_validation    = true
  is_multi_region_trail         = true
  include_global_service_events = true

  advanced_event_selector {
    name = "Objects of the lakehouse and of artifacts"

    field_selector {
      field  = "eventCategory"
      equals = ["Data"]
    }
    field_selector {
      field  = "resources.type"
      equals = ["AWS::S3::Object"]
    }
    field_selector {
      field       = "resources.ARN"
      starts_with = [for arn in var.watched : "${arn}/"]
    }
    dynamic "field_selector" {
      for_each = var.include_reads ? [] : ["false"]
      content {
        field  = "readOnly"
        equals = [field_selector.value]
      }
    }
  }
}
