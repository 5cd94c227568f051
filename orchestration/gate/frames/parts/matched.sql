-- The values of units that count in this year and in the year before, a row for each year: the
-- numerator and denominator of a ratio, or the value. A common indicator has rows for the unit's
-- task and for 'ALL'. Maxima and distinct counts can't be compared over the same units.
with fact as (
    select
        year,
        unit_code,
        province_code,
        task_code,
        indicator_code,
        value,
        is_excluded
    from marts.fct_unit_indicator
    where year between {{ year }} - 1 and {{ year }}
),

counted as (
    select
        f.year,
        f.unit_code,
        f.province_code,
        f.task_code,
        f.indicator_code,
        f.value,
        f.value as numerator,
        null as denominator
    from fact as f
    inner join marts.dim_indicator as i on f.indicator_code = i.indicator_code
    where i.aggregation in ('sum', 'count_true', 'mean') and f.value is not null
    union all
    select
        n.year,
        n.unit_code,
        n.province_code,
        n.task_code,
        i.indicator_code,
        null as value,
        n.value as numerator,
        d.value as denominator
    from marts.dim_indicator as i
    inner join fact as n on i.numerator = n.indicator_code
    inner join fact as d
        on i.denominator = d.indicator_code and n.unit_code = d.unit_code and n.year = d.year
    left join fact as x
        on n.unit_code = x.unit_code and i.indicator_code = x.indicator_code and n.year = x.year
    where
        i.aggregation = 'ratio' and n.value is not null and d.value is not null
        and not coalesce(x.is_excluded, false)
),

part as (
    select
        c.year,
        c.unit_code,
        c.province_code,
        c.task_code,
        c.indicator_code,
        c.value,
        c.numerator,
        c.denominator
    from counted as c
    inner join counted as o
        on c.unit_code = o.unit_code and c.indicator_code = o.indicator_code and c.year <> o.year
)

select
    year,
    unit_code,
    province_code,
    task_code,
    indicator_code,
    value,
    numerator,
    denominator
from part
union all
select
    year,
    unit_code,
    province_code,
    'ALL' as task_code,
    indicator_code,
    value,
    numerator,
    denominator
from part
where
    indicator_code in (
        select common.indicator_code from marts.dim_indicator as common
        where nullif(common.task_code, '') is null
    )
