{% from "macros.j2" import counts, rates, joined_columns, joined_rates, tally %}
with unit as (
    {% include "parts/unit.sql" %}
),

tally as (
    {{ tally(["task_code"]) }}
),

province as (
    select
        task_code,
        {% for count in counts %}
            sum({{ count }}) as {{ count }},
        {% endfor %}
        count(*) filter (where has_provincial_summary) as provincial_summaries
    from marts.agg_province_task
    where year = {{ year }}
    group by task_code
)

select
    t.task_code,
    {{ joined_columns("a", counts + ["provincial_summaries"]) }} as counts_published,
    {{ joined_columns("p", counts + ["provincial_summaries"]) }} as counts_recomputed,
    {{ joined_columns("a", rates) }} as rates_published,
    {{ joined_rates("n") }} as rates_recomputed,
    coalesce(a.units_expected, 0) as units_expected,
    coalesce(a.units_on_time, 0) as units_on_time,
    cast(a.on_time_rate as double) as on_time_rate
from marts.dim_task as t
left join marts.agg_national_task as a on t.task_code = a.task_code and a.year = {{ year }}
left join tally as n on t.task_code = n.task_code
left join province as p on t.task_code = p.task_code
order by t.display_order
