select
    year,
    cutoff_at,
    edition
from {{ source('control', 'reporting_period') }}
