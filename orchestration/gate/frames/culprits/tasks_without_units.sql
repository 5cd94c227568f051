select t.task_code || ' ' || t.task_name as label
from marts.dim_task as t
where
    t.task_code not in (
        select u.task_code from marts.fct_unit_year as u
        where u.year = {{ year }}
    )
order by t.display_order
