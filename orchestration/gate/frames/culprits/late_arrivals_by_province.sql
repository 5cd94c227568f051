select coalesce(r.short_name, x.province_code) || '×' || count(*) as label
from quality.submission_errors as x
left join marts.dim_region as r on x.province_code = r.province_code
where x.year = {{ year }} and x.code = 'W302'
group by x.province_code, r.short_name, r.display_order
order by count(*) desc, r.display_order asc, x.province_code asc
