{% from "macros.j2" import counts, rates, joined_columns, joined_rates, tally %}
with unit as (
    {% include "parts/unit.sql" %}
),

tally as (
    {{ tally(["province_code", "task_code"]) }}
),

published as (
    select
        a.*,
        count(*) over (partition by province_code, task_code) as copies
    from marts.agg_province_task as a
    where year = {{ year }}
    qualify row_number() over (partition by province_code, task_code order by units_expected) = 1
),

before as (
    select
        province_code,
        task_code,
        count(*) as units
    from marts.fct_unit_year
    where year = {{ year }} - 1
    group by province_code, task_code
),

gone as (
    select
        province_code,
        task_code,
        count(*) as units
    from ({% include "parts/lost.sql" %})
    group by province_code, task_code
)

select
    r.province_code,
    t.task_code,
    coalesce(a.copies, 0) as copies,
    {{ joined_columns("a", counts) }} as counts_published,
    {{ joined_columns("n", counts, missing="0") }} as counts_recomputed,
    {{ joined_columns("a", rates) }} as rates_published,
    {{ joined_rates("n") }} as rates_recomputed,
    cast(
        case
            when
                least(
                    a.reporting_rate, a.on_time_rate, a.report_file_rate, a.assessed_rate,
                    a.target_met_rate
                ) < 0
                then least(
                    a.reporting_rate, a.on_time_rate, a.report_file_rate, a.assessed_rate,
                    a.target_met_rate
                )
            else greatest(
                a.reporting_rate, a.on_time_rate, a.report_file_rate, a.assessed_rate,
                a.target_met_rate
            )
        end as double
    ) as extreme_rate,
    coalesce(a.units_expected, 0) as units_expected,
    coalesce(a.units_on_time, 0) as units_on_time,
    coalesce(n.units_assessed, 0) as units_assessed,
    cast(a.on_time_rate as double) as on_time_rate,
    cast(a.report_file_rate as double) as report_file_rate,
    cast(a.assessed_rate as double) as assessed_rate,
    case when a.has_provincial_summary then 0 else 1 end as summary_missing,
    coalesce(b.units, 0) as units_previous,
    coalesce(g.units, 0) as units_lost,
    coalesce(g.units, 0) / cast(nullif(b.units, 0) as double) as lost_share
from marts.dim_region as r
cross join marts.dim_task as t
left join published as a
    on r.province_code = a.province_code and t.task_code = a.task_code
left join tally as n on r.province_code = n.province_code and t.task_code = n.task_code
left join before as b on r.province_code = b.province_code and t.task_code = b.task_code
left join gone as g on r.province_code = g.province_code and t.task_code = g.task_code
order by r.display_order, t.display_order
