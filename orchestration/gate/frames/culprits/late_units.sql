{% from "macros.j2" import unit_label %}
select
    x.province_code,
    {{ unit_label() }} as label
from marts.fct_unit_year as x
left join marts.dim_unit as d on x.year = d.year and x.unit_code = d.unit_code
where x.year = {{ year }} and x.has_reported and not x.is_on_time
order by x.unit_code
