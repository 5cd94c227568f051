select
    year,
    cutoff_at,
    counts_until,
    edition
from {{ source('control', 'reporting_period') }}
