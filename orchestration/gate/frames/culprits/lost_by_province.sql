select r.short_name || ' ' || count(*) || '/' || count(*) as label
from ({% include "parts/lost.sql" %}) as x
inner join marts.dim_region as r on x.province_code = r.province_code
group by r.short_name, r.display_order
order by count(*) desc, r.display_order
