{% from "macros.j2" import value_label %}
select
    x.province_code,
    x.task_code,
    {{ value_label() }} as label
from ({% include "parts/flagged_fact.sql" %}) as x
left join marts.dim_unit as d on d.year = {{ year }} and x.unit_code = d.unit_code
where x.outside_bounds
order by x.unit_code, x.indicator_code, x.value, x.province_code, x.task_code
