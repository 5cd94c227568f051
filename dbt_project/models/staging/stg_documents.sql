select
    document_id,
    document_type,
    year,
    province_code,
    unit_code,
    task_code,
    subject,
    series,
    {{ utc_timestamp('submitted_at') }} as submitted_at,
    object_key,
    etag,
    coalesce(synthetic, false) as is_synthetic,
    has_cutoff
from {{ source('control', 'documents') }}
