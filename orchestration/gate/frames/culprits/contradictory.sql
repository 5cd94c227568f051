select
    c.contradiction,
    coalesce(d.unit_name || '（' || c.unit_code || '）', r.short_name) as label
from quality.contradictions as c
inner join marts.dim_region as r on c.province_code = r.province_code
left join marts.dim_unit as d on c.year = d.year and c.unit_code = d.unit_code
where c.year = {{ year }}
order by r.display_order, c.subject
