{% from "macros.j2" import unit_label %}
select
    x.province_code,
    x.task_code,
    {{ unit_label() }} as label
from ({% include "parts/flagged_unit.sql" %}) as x
left join marts.dim_unit as d on d.year = {{ year }} and x.unit_code = d.unit_code
where x.contradictory_units
order by x.unit_code
