{% from "macros.j2" import unit_label %}
select
    x.province_code,
    {{ unit_label() }} || '：' || min(coalesce(x.reason, '')) as label
from quality.returned_documents as x
left join marts.dim_unit as d on x.year = d.year and x.unit_code = d.unit_code
where x.year = {{ year }} and x.state = 'pending'
group by x.province_code, x.unit_code, d.unit_name
order by x.unit_code
