{% from "macros.j2" import growth, joined, measured, movement, recomputed %}
with scoped as (
    {% include "parts/scoped.sql" %}
),

measured as (
    {{ measured(["task_code"]) }}
),

matched as (
    {% include "parts/matched.sql" %}
),

compared as (
    {{ measured(["year", "task_code"], "matched") }}
),

province as (
    select
        task_code,
        indicator_code,
        cast(sum(value) as decimal(38, 6)) as total,
        cast(max(value) as decimal(38, 6)) as top,
        sum(units_counted) as counted,
        sum(units_expected) as due
    from marts.agg_province_indicator
    where year = {{ year }}
    group by task_code, indicator_code
),

published as (
    select
        a.*,
        count(*) over (partition by task_code, indicator_code) as copies
    from marts.agg_national_indicator as a
    where year = {{ year }}
    qualify
        row_number() over (partition by task_code, indicator_code order by value nulls last) = 1
),

expected as (
    select
        task_code,
        units_expected
    from marts.agg_national_task
    where year = {{ year }}
    union all
    select
        'ALL' as task_code,
        sum(units_expected) as units_expected
    from marts.agg_national_task
    where year = {{ year }}
)

select
    d.task_code,
    d.indicator_code,
    coalesce(a.copies, case when coalesce(e.units_expected, 0) = 0 then 1 else 0 end) as copies,
    case
        when a.copies is not null
            then {{ joined(["a.value", "a.units_counted", "a.units_expected"]) }}
    end as figure_published,
    -- The size of a union isn't the sum of the provinces' sizes: it is between the largest and
    -- the sum.
    case
        when a.copies is null then null
        when i.aggregation in ('sum', 'count_true')
            then {{ joined(["p.total", "p.counted", "p.due"]) }}
        when i.aggregation = 'max' then {{ joined(["p.top", "p.counted", "p.due"]) }}
        when i.aggregation = 'none' then {{ joined(["cast(null as integer)", "0", "p.due"]) }}
        when
            i.aggregation = 'count_distinct'
            and ((a.value is null and p.total is null) or a.value between p.top and p.total)
            then {{ joined(["a.value", "p.counted", "p.due"]) }}
        when i.aggregation = 'count_distinct'
            then concat('{', p.top, '…', p.total, '} / ', p.counted, ' / ', p.due)
        else {{ joined([recomputed(), "p.counted", "p.due"]) }}
    end as figure_from_provinces,
    coalesce(e.units_expected, 0) as units_expected,
    case when i.aggregation <> 'none' then coalesce(a.units_counted, 0) end as units_counted,
    case
        when i.aggregation = 'sum' and a.value > 0 then cast(m.top as double) / cast(a.value as double)
    end as top_share,
    {{ movement() }},
    {{ growth() }}
from ({% include "parts/due.sql" %}) as d
inner join marts.dim_indicator as i on d.indicator_code = i.indicator_code
left join published as a
    on d.task_code = a.task_code and d.indicator_code = a.indicator_code
left join province as p on d.task_code = p.task_code and d.indicator_code = p.indicator_code
left join measured as m on d.task_code = m.task_code and d.indicator_code = m.indicator_code
left join expected as e on d.task_code = e.task_code
left join marts.agg_national_indicator as b
    on b.year = {{ year }} - 1 and d.task_code = b.task_code and d.indicator_code = b.indicator_code
left join compared as g
    on g.year = {{ year }} and d.task_code = g.task_code and d.indicator_code = g.indicator_code
left join compared as h
    on h.year = {{ year }} - 1 and d.task_code = h.task_code and d.indicator_code = h.indicator_code
order by d.task_code, d.indicator_code
