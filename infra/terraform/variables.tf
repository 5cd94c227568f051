variable "region" {
  description = "AWS region. The default is in China, because the data belong to a ministry."
  type        = string
  default     = "cn-north-1"
}

variable "buckets" {
  description = "Names of the three buckets: TONGBAO_LANDING_BUCKET, _LAKE_BUCKET, _PUBLICATION_BUCKET. S3 names are global, so they have no default."
  type = object({
    landing     = string
    lake        = string
    publication = string
  })
}

variable "logs_bucket" {
  description = "Name of the bucket for the access logs of the other three."
  type        = string
}

variable "pipeline_principals" {
  description = "ARNs that may assume the pipeline's role: the hosts or the service account of the code location."
  type        = list(string)
}

variable "analyst_principals" {
  description = "ARNs that may assume the analysts' role."
  type        = list(string)
}

variable "province_principals" {
  description = "ARNs that may assume a province's role, by province code. For a province that isn't named, the platform is used."
  type        = map(list(string))
  default     = {}
}

variable "platform_principals" {
  description = "ARNs of the management platform, which writes documents for a province by assuming that province's role."
  type        = list(string)
}

variable "edition_lock_days" {
  description = "Days for which no version in the publication bucket can be deleted. 3650 days are ten years, the shortest retention period of official documents (国家档案局令第8号)."
  type        = number
  default     = 3650

  validation {
    condition     = var.edition_lock_days >= 366
    error_message = "An edition must outlast the next year's bulletin, which compares with it."
  }
}

variable "lake_recovery_days" {
  description = "Days for which a file deleted by 'tongbao lake maintain' can be recovered. As long as the catalogue's dumps are kept (TONGBAO_BACKUP_DAYS), because an older catalogue refers to files that were deleted later."
  type        = number
  default     = 35
}

variable "access_log_days" {
  description = "Days for which access logs are kept. 400 days cover a reporting year and its correction period."
  type        = number
  default     = 400
}
