select
    document_id,
    year,
    target_year,
    indicator_code,
    target_text,
    target_number,
    location
from {{ source('raw', 'plan_targets') }}
