-- Units of the year before that are missing without a removal.
select
    p.unit_code,
    p.province_code,
    p.task_code
from marts.fct_unit_year as p
left join marts.fct_unit_year as u on u.year = {{ year }} and p.unit_code = u.unit_code
left join marts.dim_unit as listed on listed.year = {{ year }} and p.unit_code = listed.unit_code
where p.year = {{ year }} - 1 and u.unit_code is null and listed.status is distinct from 'removed'
