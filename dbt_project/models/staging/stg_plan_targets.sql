select
    {{ document_key("'plan'") }} as document_key,
    year,
    target_year,
    indicator_code,
    target_text,
    target_number,
    location
from {{ source('raw', 'plan_targets') }}
