{% from "macros.j2" import scenarios %}
select
    task_code,
    indicator_code,
    cast(count(*) filter (where flips) as integer) as flips,
    {{ scenarios(scenarios_zh, "、") }} as scenarios_zh,
    {{ scenarios(scenarios_en, ", ") }} as scenarios_en
from quality.figure_sensitivity
where year = {{ year }} and task_code is not null
group by task_code, indicator_code
order by task_code, indicator_code
