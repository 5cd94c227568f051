select
    (
        select count(distinct a.province_code) from marts.agg_province_task as a
        inner join marts.dim_region as r on a.province_code = r.province_code
        where a.year = {{ year }}
    ) as provinces,
    (
        select count(distinct a.task_code) from marts.agg_national_task as a
        inner join marts.dim_task as t on a.task_code = t.task_code
        where a.year = {{ year }}
    ) as tasks,
    (
        select count(*) from marts.dim_region as r
        where
            r.province_code not in (
                select u.province_code from marts.fct_unit_year as u
                where u.year = {{ year }}
            )
    ) as provinces_without_units,
    (
        select count(*) from marts.dim_task as t
        where t.task_code not in (
            select u.task_code from marts.fct_unit_year as u
            where u.year = {{ year }}
        )
    ) as tasks_without_units
