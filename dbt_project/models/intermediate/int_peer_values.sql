{#- Counted values with the distribution of the same task, level and indicator. Quartiles are reported
    values found by position (the lower of two middle ones), so that every engine gives the same. -#}
with counted as (
    select
        fact.unit_code,
        {{ document_key("'performance'", 'fact.') }} as document_key,
        fact.task_code,
        unit.level,
        fact.indicator_code,
        indicator.value_type,
        fact.value,
        previous.value as previous_value
    from {{ ref('fct_unit_indicator') }} as fact
    inner join {{ ref('fct_unit_year') }} as unit on fact.unit_code = unit.unit_code
    inner join {{ ref('indicators') }} as indicator
        on fact.indicator_code = indicator.indicator_code
    left join {{ source('prior', 'fct_unit_indicator') }} as previous
        on
            fact.unit_code = previous.unit_code
            and fact.indicator_code = previous.indicator_code
            and fact.year - 1 = previous.year
    where
        fact.value > 0
        and indicator.is_submitted
        and indicator.value_type in ('count', 'person_times', 'person_days', 'amount', 'percent')
),

ranked as (
    select
        counted.*,
        row_number() over (
            partition by task_code, level, indicator_code order by value asc nulls last, unit_code asc
        ) as position_from_below,
        count(*) over (partition by task_code, level, indicator_code) as peers
    from counted
),

quartiles as (
    select
        task_code,
        level,
        indicator_code,
        max(case when position_from_below = {{ integer_quotient('peers + 3', '4') }} then value end)
            as lower_quartile,
        max(case when position_from_below = {{ integer_quotient('peers + 1', '2') }} then value end)
            as median_value,
        max(case when position_from_below = {{ integer_quotient('3 * peers + 1', '4') }} then value end)
            as upper_quartile,
        cast(sum(case when previous_value > 0 then value end) as decimal(38, 6)) as both_years_now,
        cast(sum(case when previous_value > 0 then previous_value end) as decimal(38, 6))
            as both_years_before
    from ranked
    group by task_code, level, indicator_code
)

select
    ranked.unit_code,
    ranked.document_key,
    ranked.task_code,
    ranked.level,
    ranked.indicator_code,
    ranked.value_type,
    ranked.value,
    ranked.previous_value,
    cast(ranked.peers as integer) as peers,
    quartiles.lower_quartile,
    quartiles.median_value,
    quartiles.upper_quartile,
    quartiles.both_years_now,
    quartiles.both_years_before
from ranked
inner join quartiles
    on
        ranked.task_code = quartiles.task_code
        and ranked.level = quartiles.level
        and ranked.indicator_code = quartiles.indicator_code
