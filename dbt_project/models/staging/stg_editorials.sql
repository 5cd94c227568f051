select
    {{ document_key("'editorial'") }} as document_key,
    year,
    province_code,
    {{ utc_timestamp('submitted_at') }} as submitted_at,
    bulletin,
    section,
    text,
    object_key,
    etag,
    coalesce(synthetic, false) as is_synthetic
from {{ source('raw', 'editorials') }}
