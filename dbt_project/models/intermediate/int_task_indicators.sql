select
    task.task_code,
    indicator.indicator_code,
    indicator.unit,
    indicator.value_type,
    indicator.aggregation,
    indicator.numerator,
    indicator.denominator,
    indicator.hard_min,
    indicator.hard_max,
    indicator.is_submitted,
    indicator.is_required,
    indicator.direction
from {{ ref('tasks') }} as task
inner join {{ ref('indicators') }} as indicator
    on coalesce(indicator.task_code, task.task_code) = task.task_code
