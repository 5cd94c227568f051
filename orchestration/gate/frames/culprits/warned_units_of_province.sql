{% from "macros.j2" import unit_label %}
with unexplained as (
    select
        province_code,
        unit_code,
        string_agg(code, '、' order by code) as codes
    from ({% include "parts/rule_warning.sql" %})
    where not is_explained
    group by province_code, unit_code
)

select
    x.province_code,
    {{ unit_label() }} || ' ' || x.codes as label
from unexplained as x
left join marts.dim_unit as d on d.year = {{ year }} and x.unit_code = d.unit_code
order by x.unit_code
