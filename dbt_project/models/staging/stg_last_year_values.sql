select
    unit_code,
    indicator_code,
    value,
    is_excluded
from {{ source('prior', 'fct_unit_indicator') }}
