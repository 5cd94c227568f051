select
    task_code,
    level,
    category,
    target_count,
    target_year,
    source
from {{ ref('task_targets') }}
