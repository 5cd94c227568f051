{% set fact_flags = [
    "duplicate_facts", "unexpected_unit_facts", "outside_bounds", "bad_counts",
    "values_without_document", "contradictory_exclusions",
] %}
{% set unit_flags = ["duplicate_units", "misfiled_rows", "contradictory_units"] %}
with f as (
    select
        province_code,
        task_code,
        count(*) as facts,
        {% for flag in fact_flags %}
            count(*) filter (where {{ flag }}) as {{ flag }},
        {% endfor %}
        count(*) filter (where unknown_codes) as unknown_codes
    from ({% include "parts/flagged_fact.sql" %})
    group by province_code, task_code
),

u as (
    select
        province_code,
        task_code,
        count(*) as units,
        {% for flag in unit_flags %}
            count(*) filter (where {{ flag }}) as {{ flag }},
        {% endfor %}
        count(*) filter (where unknown_codes) as unknown_codes
    from ({% include "parts/flagged_unit.sql" %})
    group by province_code, task_code
)

select
    coalesce(f.province_code, u.province_code) as province_code,
    coalesce(f.task_code, u.task_code) as task_code,
    coalesce(f.facts, 0) as facts,
    coalesce(u.units, 0) as units,
    {% for flag in fact_flags %}
        coalesce(f.{{ flag }}, 0) as {{ flag }},
    {% endfor %}
    {% for flag in unit_flags %}
        coalesce(u.{{ flag }}, 0) as {{ flag }},
    {% endfor %}
    coalesce(f.unknown_codes, 0) + coalesce(u.unknown_codes, 0) as unknown_codes
from f
full outer join u
    on
        u.province_code is not distinct from f.province_code
        and u.task_code is not distinct from f.task_code
order by province_code nulls last, task_code nulls last
