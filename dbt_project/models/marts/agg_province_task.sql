with counted as (
    select
        region.province_code,
        task.task_code,
        {{ counted_units() }}
    from {{ ref('regions') }} as region
    cross join {{ ref('tasks') }} as task
    left join {{ ref('fct_unit_year') }} as unit
        on
            region.province_code = unit.province_code
            and task.task_code = unit.task_code
    group by region.province_code, task.task_code
),

summaries as (
    select
        province_code,
        task_code
    from {{ ref('int_documents') }}
    where document_type = 'provincial_summary' and is_effective
)

select
    period.year,
    counted.province_code,
    counted.task_code,
    {{ published_units() }},
    summary.province_code is not null as has_provincial_summary
from counted
cross join {{ ref('stg_reporting_period') }} as period
left join summaries as summary
    on
        counted.province_code = summary.province_code
        and counted.task_code = summary.task_code
