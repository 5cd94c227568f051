output "pipeline_environment" {
  description = "Settings for pipeline.env (infra/env)."
  value = {
    AWS_REGION                 = var.region
    TONGBAO_LANDING_BUCKET     = aws_s3_bucket.store["landing"].id
    TONGBAO_LAKE_BUCKET        = aws_s3_bucket.store["lake"].id
    TONGBAO_PUBLICATION_BUCKET = aws_s3_bucket.store["publication"].id
  }
}

output "role_arns" {
  description = "ARNs of the roles of the pipeline, the analysts and each province (province-110000 …). The pipeline uses its role by an AWS profile (role_arn) and AWS_PROFILE."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
