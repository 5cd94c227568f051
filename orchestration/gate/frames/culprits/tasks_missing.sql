select t.task_code || ' ' || t.task_name as label
from marts.dim_task as t
where
    t.task_code not in (
        select a.task_code from marts.agg_national_task as a
        where a.year = {{ year }}
    )
order by t.display_order
