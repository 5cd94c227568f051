select
    {{ document_key("'provincial_summary'") }} as document_key,
    year,
    province_code,
    {{ utc_timestamp('submitted_at') }} as submitted_at,
    task_code,
    report_object_key,
    report_sha256,
    highlight,
    object_key,
    etag,
    coalesce(synthetic, false) as is_synthetic
from {{ source('raw', 'provincial_summaries') }}
