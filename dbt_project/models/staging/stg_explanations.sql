select
    {{ document_key("'explanation'") }} as document_key,
    year,
    province_code,
    unit_code,
    {{ utc_timestamp('submitted_at') }} as submitted_at,
    rule_id,
    explanation,
    object_key,
    etag,
    coalesce(synthetic, false) as is_synthetic
from {{ source('raw', 'explanations') }}
