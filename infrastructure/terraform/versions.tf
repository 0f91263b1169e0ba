terraform {
  # 1.10 brought the lock file in the state's own bucket.
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.60, < 7"
    }
  }

  # Bucket and key are given by `terraform init -backend-config=…`: see README.md.
  backend "s3" {
    use_lockfile = true
    encrypt      = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      project     = "nyc311"
      environment = var.environment
      managed_by  = "terraform"
      # What the budget goes by: another project may have an environment of the same name.
      stack = "nyc311-${var.environment}"
    }
  }
}
