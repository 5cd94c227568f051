select r.short_name || '缺' || count(*) || '份' as label
from marts.agg_province_task as x
inner join marts.dim_region as r on x.province_code = r.province_code
where x.year = {{ year }} and x.units_expected > 0 and not coalesce(x.has_provincial_summary, false)
group by r.short_name, r.display_order
order by count(*) desc, r.display_order
