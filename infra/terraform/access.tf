# Access rights. The policy documents are in ../policies, where tests evaluate them; here they get
# their bucket names and a role each. There are roles and no users, so that all keys expire.

locals {
  # Provinces are those of the seed of the warehouse; 000000 is the ministry, whose reviews land under
  # a separate prefix.
  provinces = concat(
    csvdecode(file("${path.module}/../../dbt_project/seeds/regions.csv"))[*].province_code,
    ["000000"],
  )

  policy_variables = {
    partition   = data.aws_partition.current.partition
    landing     = var.buckets.landing
    lake        = var.buckets.lake
    publication = var.buckets.publication
  }

  roles = merge(
    {
      pipeline = {
        principals = var.pipeline_principals
        policy     = templatefile("${path.module}/../policies/pipeline.json", local.policy_variables)
        writes     = true
      }
      analyst = {
        principals = var.analyst_principals
        policy     = templatefile("${path.module}/../policies/analyst.json", local.policy_variables)
        writes     = false
      }
    },
    {
      for code in local.provinces : "province-${code}" => {
        principals = concat(var.platform_principals, lookup(var.province_principals, code, []))
        policy = templatefile(
          "${path.module}/../policies/province.json",
          merge(local.policy_variables, { province_code = code }),
        )
        writes = true
      }
    },
  )
}

resource "aws_iam_role" "this" {
  for_each = local.roles

  name = "tongbao-${each.key}"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = each.value.principals }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "store" {
  for_each = local.roles

  name   = "store"
  role   = aws_iam_role.this[each.key].id
  policy = each.value.policy
}

# Objects are encrypted with the project's key: reading takes kms:Decrypt, writing a data key.
resource "aws_iam_role_policy" "key" {
  for_each = local.roles

  name = "key"
  role = aws_iam_role.this[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = each.value.writes ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
      Resource = aws_kms_key.store.arn
    }]
  })
}
