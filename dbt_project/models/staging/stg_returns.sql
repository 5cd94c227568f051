select
    {{ document_key("'return'") }} as document_key,
    year,
    province_code,
    unit_code,
    {{ utc_timestamp('submitted_at') }} as submitted_at,
    returns_document_id,
    reason,
    due_on,
    withdraws_document_id,
    object_key,
    etag,
    coalesce(synthetic, false) as is_synthetic
from {{ source('raw', 'returns') }}
