{% from "macros.j2" import unit_label %}
with returned as (
    select distinct unit_code
    from quality.returned_documents
    where year = {{ year }} and document_type = 'performance' and state = 'pending'
)

select
    x.province_code,
    x.task_code,
    {{ unit_label() }} || case
        when x.has_reported then '（已迟报）'
        when r.unit_code is not null then '（已退回）'
        else ''
    end as label
from marts.fct_unit_year as x
left join marts.dim_unit as d on x.year = d.year and x.unit_code = d.unit_code
left join returned as r on x.unit_code = r.unit_code
where x.year = {{ year }} and not x.is_on_time
order by x.unit_code
