{% from "macros.j2" import tally %}
with unit as (
    {% include "parts/unit.sql" %}
),

tally as (
    {{ tally([]) }}
),

summary as (
    select
        count(*) filter (where units_expected > 0) as due,
        count(*) filter (
            where units_expected > 0 and not coalesce(has_provincial_summary, false)
        ) as missing
    from marts.agg_province_task
    where year = {{ year }}
),

before as (
    select count(*) as units from marts.fct_unit_year
    where year = {{ year }} - 1
),

gone as (
    select count(*) as units from ({% include "parts/lost.sql" %})
),

watched as (
    select count(distinct w.unit_code) as units
    from marts.unit_watchlist as w
    inner join unit as u on w.unit_code = u.unit_code
    where w.year = {{ year }}
)

select
    n.units_expected,
    n.units_on_time,
    n.units_with_report,
    n.units_assessed,
    n.units_on_time / cast(nullif(n.units_expected, 0) as double) as on_time_rate,
    n.units_with_report / cast(nullif(n.units_expected, 0) as double) as report_file_rate,
    n.units_assessed / cast(nullif(n.units_expected, 0) as double) as assessed_rate,
    s.due as summaries_due,
    s.missing as summaries_missing,
    s.missing / cast(nullif(s.due, 0) as double) as summaries_missing_share,
    b.units as units_previous,
    g.units as units_lost,
    g.units / cast(nullif(b.units, 0) as double) as lost_share,
    w.units as units_watched,
    w.units / cast(nullif(n.units_expected, 0) as double) as watched_share
from tally as n
cross join summary as s
cross join before as b
cross join gone as g
cross join watched as w
