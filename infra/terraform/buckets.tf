# The three buckets of the contract, and one for their access logs.

locals {
  arn = "arn:${data.aws_partition.current.partition}"
}

resource "aws_kms_key" "store" {
  description             = "Tongbao: the objects of the landing, lake and publication buckets"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TheAccountDecidesByItsOwnPolicies"
      Effect    = "Allow"
      Principal = { AWS = "${local.arn}:iam::${data.aws_caller_identity.current.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "store" {
  name          = "alias/tongbao"
  target_key_id = aws_kms_key.store.key_id
}

resource "aws_s3_bucket" "store" {
  #checkov:skip=CKV2_AWS_62:the sensor lists the landing bucket every minute; nothing waits for events
  #checkov:skip=CKV_AWS_144:backup.sh makes the second copy, at a place that the ministry chooses
  for_each = var.buckets

  bucket = each.value
  # Can only be enabled when a bucket is created, and never disabled.
  object_lock_enabled = each.key == "publication"

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "store" {
  for_each = aws_s3_bucket.store

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

# Governance mode, not compliance: if personal data were published, the law requires their deletion,
# which needs s3:BypassGovernanceRetention (no role of this file has it).
resource "aws_s3_bucket_object_lock_configuration" "publication" {
  bucket     = aws_s3_bucket.store["publication"].id
  depends_on = [aws_s3_bucket_versioning.store]

  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = var.edition_lock_days
    }
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "store" {
  for_each = aws_s3_bucket.store

  bucket = each.value.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.store.arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "store" {
  for_each = aws_s3_bucket.store

  bucket     = each.value.id
  depends_on = [aws_s3_bucket_versioning.store]

  rule {
    id     = "uploads-left-half-done"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  # Every version of submitted and published objects is kept; only the lake replaces its files.
  dynamic "rule" {
    for_each = each.key == "lake" ? [var.lake_recovery_days] : []

    content {
      id     = "files-that-the-lake-let-go"
      status = "Enabled"
      filter {}

      noncurrent_version_expiration {
        noncurrent_days = rule.value
      }
    }
  }
}

resource "aws_s3_bucket_logging" "store" {
  for_each = aws_s3_bucket.store

  bucket        = each.value.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "${each.key}/"
}

# S3 delivers access logs only to a bucket with SSE-S3 keys; logging the log bucket would never end.
resource "aws_s3_bucket" "logs" {
  #checkov:skip=CKV_AWS_145:access logs can't be delivered to a bucket with a KMS key
  #checkov:skip=CKV_AWS_18:access to the logs is not logged
  #checkov:skip=CKV2_AWS_62:nothing waits for logs
  #checkov:skip=CKV_AWS_144:logs are no part of the backup
  bucket = var.logs_bucket
}

resource "aws_s3_bucket_versioning" "logs" {
  bucket = aws_s3_bucket.logs.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket     = aws_s3_bucket.logs.id
  depends_on = [aws_s3_bucket_versioning.logs]

  rule {
    id     = "old-logs"
    status = "Enabled"
    filter {}

    expiration {
      days = var.access_log_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

locals {
  all_buckets = merge(aws_s3_bucket.store, { logs = aws_s3_bucket.logs })
}

resource "aws_s3_bucket_public_access_block" "all" {
  for_each = local.all_buckets

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "all" {
  for_each = local.all_buckets

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "all" {
  for_each = local.all_buckets

  bucket     = each.value.id
  depends_on = [aws_s3_bucket_public_access_block.all]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "OnlyOverTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [each.value.arn, "${each.value.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      each.key != "logs" ? [] : [{
        Sid       = "AccessLogsOfTheOtherBuckets"
        Effect    = "Allow"
        Principal = { Service = "logging.s3.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "${each.value.arn}/*"
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
      }],
    )
  })
}
