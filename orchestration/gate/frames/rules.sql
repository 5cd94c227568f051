with reported as (
    select
        task_code,
        count(*) as units
    from ({% include "parts/unit.sql" %})
    where is_on_time
    group by task_code
),

fired as (
    select
        code,
        task_code,
        count(distinct unit_code) as units
    from ({% include "parts/rule_warning.sql" %})
    group by code, task_code
)

select
    f.code as rule_id,
    cast(sum(f.units) as integer) as units_fired,
    cast(sum(r.units) as integer) as units_judged,
    sum(f.units) / cast(sum(r.units) as double) as fired_share
from fired as f
inner join reported as r on f.task_code = r.task_code
group by f.code
order by f.code
