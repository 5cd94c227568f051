select
    x.indicator_code,
    r.short_name || '（' || x.exclusion_code || '）×' || count(*) as label
from ({% include "parts/fact.sql" %}) as x
inner join marts.dim_region as r on x.province_code = r.province_code
where x.is_excluded
group by x.indicator_code, r.short_name, x.exclusion_code, r.display_order
order by count(*) desc, r.display_order, x.exclusion_code asc, x.indicator_code asc
