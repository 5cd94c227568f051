select
    {{ document_key("'assessment'") }} as document_key,
    year,
    province_code,
    unit_code,
    {{ utc_timestamp('submitted_at') }} as submitted_at,
    score,
    grade,
    object_key,
    etag,
    coalesce(synthetic, false) as is_synthetic
from {{ source('raw', 'assessments') }}
