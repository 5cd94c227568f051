select
    unit_code,
    indicator_code,
    value
from {{ source('prior', 'fct_unit_indicator') }}
