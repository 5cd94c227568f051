{#- Quartiles are reported values found by position (the lower of two middle ones), so that every engine
    gives the same. Below `least_peers` of suspicion_thresholds a single unit moves them: NULL. -#}
with ranked as (
    select
        fact.task_code,
        unit.level,
        fact.indicator_code,
        fact.value,
        row_number() over (
            partition by fact.task_code, unit.level, fact.indicator_code
            order by fact.value asc nulls last, fact.unit_code asc
        ) as position_from_below,
        count(*) over (partition by fact.task_code, unit.level, fact.indicator_code) as peers
    from {{ ref('fct_unit_indicator') }} as fact
    inner join {{ ref('fct_unit_year') }} as unit on fact.unit_code = unit.unit_code
    inner join {{ ref('indicators') }} as indicator
        on fact.indicator_code = indicator.indicator_code
    where
        fact.value is not null
        and indicator.value_type not in ('year', 'yesno', 'code_list')
),

thresholds as (
    select max(case when name = 'least_peers' then value end) as least_peers
    from {{ ref('suspicion_thresholds') }}
),

placed as (
    select
        ranked.*,
        case when ranked.peers >= thresholds.least_peers then ranked.position_from_below end as place
    from ranked
    cross join thresholds
)

select
    period.year,
    placed.task_code,
    placed.level,
    placed.indicator_code,
    cast(placed.peers as integer) as peers,
    max(case when placed.place = {{ integer_quotient('placed.peers + 3', '4') }} then placed.value end)
        as lower_quartile,
    max(case when placed.place = {{ integer_quotient('placed.peers + 1', '2') }} then placed.value end)
        as median_value,
    max(case when placed.place = {{ integer_quotient('3 * placed.peers + 1', '4') }} then placed.value end)
        as upper_quartile
from placed
cross join {{ ref('stg_reporting_period') }} as period
group by period.year, placed.task_code, placed.level, placed.indicator_code, placed.peers
