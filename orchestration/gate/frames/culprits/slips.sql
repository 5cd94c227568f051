{% from "macros.j2" import unit_label %}
select
    x.indicator_code,
    {{ unit_label() }} || '：' || format('{:,}', cast(round(x.previous_value) as hugeint))
    || '→' || format('{:,}', cast(round(x.value) as hugeint)) as label
from ({% include "parts/slip.sql" %}) as x
left join marts.dim_unit as d on d.year = {{ year }} and x.unit_code = d.unit_code
order by abs(x.value - x.previous_value) desc, x.unit_code
