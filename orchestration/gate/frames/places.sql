{% from "macros.j2" import scenarios %}
select
    province_code,
    cast(count(*) filter (where flips) as integer) as flips,
    {{ scenarios(scenarios_zh, "、") }} as scenarios_zh,
    {{ scenarios(scenarios_en, ", ") }} as scenarios_en
from quality.figure_sensitivity
where year = {{ year }} and province_code is not null
group by province_code
order by province_code
