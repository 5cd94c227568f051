select r.short_name || ' ' || count(*) as label
from ({% include "parts/report.sql" %}) as x
inner join marts.dim_region as r on x.province_code = r.province_code
where x.is_unsound
group by r.short_name, r.display_order
order by count(*) desc, r.display_order
