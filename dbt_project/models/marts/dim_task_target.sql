{{ config(meta={'lake': true, 'grain': ['task_code', 'level', 'category']}) }}

select
    task_code,
    level,
    category,
    target_count,
    target_year,
    source
from {{ ref('task_targets') }}
