{% from "macros.j2" import value_label %}
with flagged as (
    select
        unit_code,
        province_code,
        task_code,
        indicator_code,
        value
    from ({% include "parts/flagged_fact.sql" %})
    where unknown_codes
    union all
    select
        unit_code,
        province_code,
        task_code,
        null as indicator_code,
        null as value
    from ({% include "parts/flagged_unit.sql" %})
    where unknown_codes
)

select
    x.province_code,
    x.task_code,
    {{ value_label() }} as label
from flagged as x
left join marts.dim_unit as d on d.year = {{ year }} and x.unit_code = d.unit_code
order by x.unit_code, x.indicator_code, x.value, x.province_code, x.task_code
