select
    {{ document_key("'performance'") }} as document_key,
    year,
    province_code,
    unit_code,
    {{ utc_timestamp('submitted_at') }} as submitted_at,
    report_object_key,
    report_sha256,
    highlight,
    location,
    object_key,
    etag,
    coalesce(synthetic, false) as is_synthetic
from {{ source('raw', 'performances') }}
