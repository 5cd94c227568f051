select
    {{ document_key("'verification'") }} as document_key,
    year,
    province_code,
    unit_code,
    {{ utc_timestamp('submitted_at') }} as submitted_at,
    verified_on,
    result,
    findings,
    requirement,
    due_on,
    closed_on,
    object_key,
    etag,
    coalesce(synthetic, false) as is_synthetic
from {{ source('raw', 'verifications') }}
