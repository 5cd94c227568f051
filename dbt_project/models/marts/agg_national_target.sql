with last_year as (
    select
        unit_code,
        {{ level_rank('level') }} as level_rank
    from {{ ref('stg_last_year_units') }}
),

units as (
    select
        unit.unit_code,
        unit.task_code,
        unit.category,
        unit.level,
        {{ level_rank('unit.level') }} as level_rank,
        last_year.level_rank as previous_level_rank
    from {{ ref('fct_unit_year') }} as unit
    left join last_year on unit.unit_code = last_year.unit_code
),

reached as (
    select
        target.task_code,
        target.level,
        target.category,
        target.target_count,
        target.target_year,
        cast(count(*) filter (where unit.level = target.level) as integer) as achieved_count,
        cast(count(unit.unit_code) as integer) as achieved_with_higher,
        cast(
            count(*) filter (
                where unit.level = target.level
                and coalesce(unit.previous_level_rank, 0) < {{ level_rank('target.level') }}
            ) as integer
        ) as newly_achieved
    from {{ ref('task_targets') }} as target
    left join units as unit
        on
            target.task_code = unit.task_code
            and unit.level_rank >= {{ level_rank('target.level') }}
            and (target.category is null or target.category = unit.category)
    group by
        target.task_code,
        target.level,
        target.category,
        target.target_count,
        target.target_year
),

coverage as (
    select count(*) > 0 as has_last_year
    from last_year
)

select
    period.year,
    reached.task_code,
    reached.level,
    reached.category,
    reached.achieved_count,
    reached.achieved_with_higher,
    case when coverage.has_last_year then reached.newly_achieved end as newly_achieved,
    reached.target_count,
    {{ exact_ratio('reached.achieved_count', 'reached.target_count') }} as progress_rate,
    {{ exact_ratio(
        'least(period.year, reached.target_year) + 1 - ' ~ var('first_reporting_year'),
        'reached.target_year + 1 - ' ~ var('first_reporting_year')
    ) }} as time_elapsed_rate,
    reached.target_year
from reached
cross join {{ ref('stg_reporting_period') }} as period
cross join coverage
