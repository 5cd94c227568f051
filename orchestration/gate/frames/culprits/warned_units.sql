select r.short_name || ' ' || count(*) as label
from ({% include "parts/warned_unit.sql" %}) as x
inner join marts.fct_unit_year as u on u.year = {{ year }} and x.unit_code = u.unit_code
inner join marts.dim_region as r on u.province_code = r.province_code
where not x.is_explained
group by r.short_name, r.display_order
order by count(*) desc, r.display_order
