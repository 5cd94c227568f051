{% from "macros.j2" import growth, joined, measured, movement, recomputed %}
with scoped as (
    {% include "parts/scoped.sql" %}
),

measured as (
    {{ measured(["province_code", "task_code"]) }}
),

matched as (
    {% include "parts/matched.sql" %}
),

compared as (
    {{ measured(["year", "province_code", "task_code"], "matched") }}
),

unit as (
    {% include "parts/unit.sql" %}
),

expected as (
    select
        province_code,
        task_code,
        count(*) as units
    from unit
    group by province_code, task_code
    union all
    select
        province_code,
        'ALL' as task_code,
        count(*) as units
    from unit
    group by province_code
),

due as (
    {% include "parts/due.sql" %}
),

grid as (
    select
        e.province_code,
        d.task_code,
        d.indicator_code,
        e.units
    from expected as e
    inner join due as d on e.task_code = d.task_code
),

published as (
    select
        a.*,
        count(*) over (partition by province_code, task_code, indicator_code) as copies
    from marts.agg_province_indicator as a
    where year = {{ year }}
    qualify
        row_number() over (
            partition by province_code, task_code, indicator_code order by value nulls last
        ) = 1
)

select
    coalesce(e.province_code, a.province_code) as province_code,
    coalesce(e.task_code, a.task_code) as task_code,
    coalesce(e.indicator_code, a.indicator_code) as indicator_code,
    coalesce(a.copies, 0) + case when e.units is null then 1 else 0 end as copies,
    case
        when i.aggregation in ('count_distinct', 'none')
            then {{ joined(["a.units_counted", "a.units_expected"]) }}
        else {{ joined(["a.value", "a.units_counted", "a.units_expected"]) }}
    end as figure_published,
    case
        when i.aggregation = 'none' then {{ joined(["0", "e.units"]) }}
        when i.aggregation = 'count_distinct'
            then {{ joined(["coalesce(m.units_counted, 0)", "e.units"]) }}
        else {{ joined([recomputed(), "coalesce(m.units_counted, 0)", "e.units"]) }}
    end as figure_recomputed,
    {{ movement() }},
    {{ growth() }}
from grid as e
full outer join published as a
    on
        e.province_code = a.province_code and e.task_code = a.task_code
        and e.indicator_code = a.indicator_code
left join marts.dim_indicator as i
    on i.indicator_code = coalesce(e.indicator_code, a.indicator_code)
left join measured as m
    on
        e.province_code = m.province_code and e.task_code = m.task_code
        and e.indicator_code = m.indicator_code
left join marts.agg_province_indicator as b
    on
        b.year = {{ year }} - 1 and a.province_code = b.province_code and a.task_code = b.task_code
        and a.indicator_code = b.indicator_code
left join compared as g
    on
        g.year = {{ year }} and a.province_code = g.province_code and a.task_code = g.task_code
        and a.indicator_code = g.indicator_code
left join compared as h
    on
        h.year = {{ year }} - 1 and a.province_code = h.province_code and a.task_code = h.task_code
        and a.indicator_code = h.indicator_code
order by province_code, task_code, indicator_code
