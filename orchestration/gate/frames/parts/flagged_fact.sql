-- Every fact, with a flag for each possible error.
with unit as (
    select distinct
        unit_code,
        document_id
    from marts.fct_unit_year
    where year = {{ year }}
)

select
    f.unit_code,
    f.province_code,
    f.task_code,
    f.indicator_code,
    f.value,
    row_number() over (
        partition by f.unit_code, f.indicator_code order by f.document_id nulls last
    ) > 1 as duplicate_facts,
    (
        r.province_code is null or t.task_code is null or i.indicator_code is null
        or (nullif(i.task_code, '') is not null and i.task_code <> f.task_code)
    ) as unknown_codes,
    u.unit_code is null as unexpected_unit_facts,
    coalesce(i.is_submitted and (f.value < i.hard_min or f.value > i.hard_max), false)
        as outside_bounds,
    coalesce(
        i.value_type in ('count', 'person_times', 'person_days', 'year', 'yesno', 'code_list')
        and (f.value < 0 or f.value % 1 <> 0), false
    ) as bad_counts,
    coalesce(f.value is not null and u.document_id is null, false) as values_without_document,
    (coalesce(f.is_excluded, false) and (f.value is not null or f.exclusion_code is null))
    or (not coalesce(f.is_excluded, false) and f.exclusion_code is not null)
        as contradictory_exclusions
from ({% include "parts/fact.sql" %}) as f
left join unit as u on f.unit_code = u.unit_code
left join marts.dim_region as r on f.province_code = r.province_code
left join marts.dim_task as t on f.task_code = t.task_code
left join marts.dim_indicator as i on f.indicator_code = i.indicator_code
