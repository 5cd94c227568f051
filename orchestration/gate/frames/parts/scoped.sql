-- Counted values with the inputs of figures: the numerator and denominator of a ratio, or the
-- value. A common indicator has a row for the unit's task and one for 'ALL'.
with fact as (
    {% include "parts/fact.sql" %}
),

counted as (
    select
        unit_code,
        province_code,
        task_code,
        indicator_code,
        value
    from fact
    where value is not null
),

part as (
    select
        c.province_code,
        c.task_code,
        c.indicator_code,
        i.aggregation,
        c.value,
        c.value as numerator,
        null as denominator
    from counted as c
    inner join marts.dim_indicator as i on c.indicator_code = i.indicator_code
    where i.aggregation not in ('ratio', 'none')
    union all
    select
        n.province_code,
        n.task_code,
        i.indicator_code,
        i.aggregation,
        null as value,
        n.value as numerator,
        d.value as denominator
    from marts.dim_indicator as i
    inner join counted as n on i.numerator = n.indicator_code
    inner join counted as d on i.denominator = d.indicator_code and n.unit_code = d.unit_code
    left join fact as x on n.unit_code = x.unit_code and i.indicator_code = x.indicator_code
    where i.aggregation = 'ratio' and not coalesce(x.is_excluded, false)
)

select * from part
union all
select
    province_code,
    'ALL' as task_code,
    indicator_code,
    aggregation,
    value,
    numerator,
    denominator
from part
where
    indicator_code in (
        select common.indicator_code from marts.dim_indicator as common
        where nullif(common.task_code, '') is null
    )
