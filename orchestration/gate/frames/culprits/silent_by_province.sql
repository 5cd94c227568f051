select r.short_name || ' ' || count(*) filter (where not x.is_on_time) || '/' || count(*) as label
from marts.fct_unit_year as x
inner join marts.dim_region as r on x.province_code = r.province_code
where x.year = {{ year }}
group by r.short_name, r.display_order
having count(*) filter (where not x.is_on_time) > 0
order by count(*) filter (where not x.is_on_time) desc, r.display_order
