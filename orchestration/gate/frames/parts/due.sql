-- The indicators of each task (its own and the common ones) and of all tasks together ('ALL': the
-- common ones).
with task as (
    select task_code from marts.dim_task
    union all
    select 'ALL' as task_code
)

select
    task.task_code,
    indicator.indicator_code,
    indicator.aggregation,
    indicator.unit
from task
inner join marts.dim_indicator as indicator
    on nullif(indicator.task_code, '') is null or task.task_code = indicator.task_code
