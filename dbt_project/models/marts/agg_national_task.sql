with counted as (
    select
        task.task_code,
        {{ counted_units() }}
    from {{ ref('tasks') }} as task
    left join {{ ref('fct_unit_year') }} as unit on task.task_code = unit.task_code
    group by task.task_code
),

summaries as (
    select
        task_code,
        count(*) as provinces,
        count(*) filter (where has_provincial_summary) as provincial_summaries
    from {{ ref('agg_province_task') }}
    group by task_code
)

select
    period.year,
    counted.task_code,
    {{ published_units() }},
    summary.provincial_summaries = summary.provinces as has_provincial_summary,
    cast(summary.provincial_summaries as integer) as provincial_summaries
from counted
inner join summaries as summary on counted.task_code = summary.task_code
cross join {{ ref('stg_reporting_period') }} as period
