# The store of Tongbao on AWS (or its China partition): buckets, keys and access rights.
# Not here: PostgreSQL (any managed PostgreSQL from 15 on), hosts and the cluster.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }

  # The state has the names of all buckets and roles: keep it in a separate, encrypted, locked bucket
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
