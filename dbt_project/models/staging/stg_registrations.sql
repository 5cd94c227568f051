select
    {{ document_key("'registration'") }} as document_key,
    year,
    province_code,
    unit_code,
    {{ utc_timestamp('submitted_at') }} as submitted_at,
    unit_name,
    task_code,
    city_name,
    level,
    category,
    lead_organisation_name,
    lead_organisation_type,
    object_key,
    etag,
    coalesce(synthetic, false) as is_synthetic
from {{ source('raw', 'registrations') }}
