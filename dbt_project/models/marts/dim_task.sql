select
    task.task_code,
    task.task_name,
    task.task_name_en,
    task.display_order,
    level.levels,
    level.reporting_unit
from {{ ref('tasks') }} as task
left join {{ ref('levels') }} as level on task.task_code = level.task_code
