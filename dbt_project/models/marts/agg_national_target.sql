
with achieved as (
    select
        target.task_code,
        target.level,
        target.category,
        target.target_count,
        target.target_year,
        cast(count(unit.unit_code) as integer) as achieved_count
    from {{ ref('task_targets') }} as target
    left join {{ ref('fct_unit_year') }} as unit
        on
            target.task_code = unit.task_code
            and target.level = unit.level
            and (target.category is null or target.category = unit.category)
    group by
        target.task_code,
        target.level,
        target.category,
        target.target_count,
        target.target_year
)

select
    period.year,
    achieved.task_code,
    achieved.level,
    achieved.category,
    achieved.achieved_count,
    achieved.target_count,
    {{ exact_ratio('achieved.achieved_count', 'achieved.target_count') }} as progress_rate,
    achieved.target_year
from achieved
cross join {{ ref('stg_reporting_period') }} as period
