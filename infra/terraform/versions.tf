# The store of Tongbao on AWS (or its China partition): buckets, keys, who may do what.
# Not here: PostgreSQL, hosts, the cluster; any managed PostgreSQL 15 or later will do.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  # State names every bucket and role: keep it in a bucket of its own, encrypted and locked
  # (terraform init -backend-config=…).
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { project = "tongbao" }
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}
