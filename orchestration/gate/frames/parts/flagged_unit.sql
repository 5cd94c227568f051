-- Every expected unit, with a flag for each possible error.
with reporting_year as (
    select edition
    from marts.dim_reporting_year
    where year = {{ year }}
)

select
    u.unit_code,
    u.province_code,
    u.task_code,
    row_number() over (
        partition by u.unit_code order by u.document_id nulls last
    ) > 1 as duplicate_units,
    r.province_code is null or t.task_code is null as unknown_codes,
    (
        u.unit_code is distinct from concat_ws(
            '-', u.task_code, u.province_code, split_part(u.unit_code, '-', 3)
        )
    ) as misfiled_rows,
    (u.is_on_time and not u.has_reported)
    or (u.has_report_file and u.document_id is null)
    or u.indicators_excluded > u.indicators_reported
    or u.targets_met > u.targets_set
    or (u.document_id is null and u.indicators_reported > 0)
    or (u.is_on_time and u.document_id is null)
    or (not u.is_on_time and u.document_id is not null and y.edition = 1)
    or u.is_on_time is null or u.has_reported is null as contradictory_units
from ({% include "parts/unit.sql" %}) as u
cross join reporting_year as y
left join marts.dim_region as r on u.province_code = r.province_code
left join marts.dim_task as t on u.task_code = t.task_code
