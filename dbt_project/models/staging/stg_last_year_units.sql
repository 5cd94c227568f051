select
    unit_code,
    level
from {{ source('prior', 'fct_unit_year') }}
