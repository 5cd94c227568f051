select
    {{ document_key("'performance'") }} as document_key,
    year,
    indicator_code,
    value_text,
    value_kind,
    value_number,
    location
from {{ source('raw', 'performance_values') }}
