select
    {{ document_key("'confirmation'") }} as document_key,
    year,
    province_code,
    task_code,
    {{ utc_timestamp('submitted_at') }} as submitted_at,
    signed_on,
    document_digest,
    scan_object_key,
    scan_sha256,
    object_key,
    etag,
    coalesce(synthetic, false) as is_synthetic
from {{ source('raw', 'confirmations') }}
