with units as (
    select
        region.province_code,
        {{ counted_units() }},
        cast(coalesce(sum(unit.indicators_reported), 0) as integer) as values_submitted,
        cast(coalesce(sum(unit.indicators_excluded), 0) as integer) as values_excluded
    from {{ ref('regions') }} as region
    left join {{ ref('fct_unit_year') }} as unit on region.province_code = unit.province_code
    group by region.province_code
),

tasks as (
    select
        province_code,
        cast(count(*) filter (where units_expected > 0) as integer) as summaries_expected,
        cast(count(*) filter (where units_expected > 0 and has_provincial_summary) as integer)
            as summaries_received
    from {{ ref('agg_province_task') }}
    group by province_code
),

ratios as (
    select
        total.province_code,
        max(total.numerator_sum) filter (where role.role = 'arrival_rate') as arrived,
        max(total.denominator_sum) filter (where role.role = 'arrival_rate') as planned,
        max(total.numerator_sum) filter (where role.role = 'execution_rate') as spent,
        max(total.denominator_sum) filter (where role.role = 'execution_rate') as spendable
    from {{ ref('int_indicator_totals') }} as total
    inner join {{ ref('indicator_roles') }} as role on total.indicator_code = role.indicator_code
    where total.task_code = 'ALL'
    group by total.province_code
),

watched as (
    select
        province_code,
        cast(count(distinct unit_code) as integer) as units_watched
    from {{ ref('unit_watchlist') }}
    group by province_code
)

select
    units.province_code,
    units.units_expected,
    units.units_national,
    units.units_reported,
    units.units_on_time,
    units.units_assessed,
    units.units_excellent,
    units.score_sum,
    units.units_scored,
    units.targets_set,
    units.targets_met,
    units.values_submitted,
    units.values_excluded,
    tasks.summaries_expected,
    tasks.summaries_received,
    ratios.arrived,
    ratios.planned,
    ratios.spent,
    ratios.spendable,
    funding.from_enterprises,
    funding.received,
    coalesce(watched.units_watched, 0) as units_watched
from units
inner join tasks on units.province_code = tasks.province_code
left join ratios on units.province_code = ratios.province_code
left join {{ ref('int_funding') }} as funding on units.province_code = funding.province_code
left join watched on units.province_code = watched.province_code
