select
    (
        select count(*) from marts.dim_region as r
        where
            r.province_code not in (
                select a.province_code from marts.agg_province_task as a
                where a.year = {{ year }}
            )
    ) as provinces_missing,
    (
        select count(*) from marts.dim_task as t
        where t.task_code not in (
            select a.task_code from marts.agg_national_task as a
            where a.year = {{ year }}
        )
    ) as tasks_missing,
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
