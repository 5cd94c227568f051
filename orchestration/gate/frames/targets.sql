{% from "macros.j2" import joined %}
with counted as (
    select
        a.*,
        (
            select count(*) from marts.fct_unit_year as u
            where
                u.year = {{ year }} and u.task_code = a.task_code and u.level = a.level
                and (nullif(a.category, '') is null or u.category = a.category)
        ) as units
    from marts.agg_national_target as a
    where a.year = {{ year }}
)

select
    task_code,
    level,
    coalesce(category, '') as category,
    {{ joined(["achieved_count", "target_count"]) }} as achieved_published,
    {{ joined(["units", "target_count"]) }} as achieved_recomputed,
    achieved_count,
    target_count,
    achieved_count / cast(nullif(target_count, 0) as double) as progress
from counted
order by task_code, level, category
