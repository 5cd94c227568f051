with counted as (
    select
        count(*) as units_expected,
        count(*) filter (where is_on_time) as units_on_time,
        count(*) filter (where has_reported and not is_on_time) as units_late
    from marts.fct_unit_year
    where year = {{ year }}
),

warned as (
    select
        count(*) filter (where not is_explained) as units_warned,
        count(*) filter (where is_explained) as units_explained
    from ({% include "parts/warned_unit.sql" %})
)

select
    c.units_expected,
    c.units_on_time,
    c.units_late,
    c.units_late / cast(nullif(c.units_expected, 0) as double) as late_share,
    w.units_warned,
    w.units_explained,
    w.units_warned / cast(nullif(c.units_on_time, 0) as double) as warned_share
from counted as c
cross join warned as w
