{#- The aggregates of indicators with the names of their codes, of the nation or, with `place`, of the
    provinces: for readers who query one table without joins. -#}
{% macro named_figures(aggregates, place=none) -%}
-- Rows of all tasks together (ALL) have no task to join: they would be counted twice in a sum.
select
    figure.year,
    {%- if place %}
    figure.province_code,
    region.province_name,
    region.province_name_en,
    {%- endif %}
    figure.task_code,
    task.task_name,
    task.task_name_en,
    figure.indicator_code,
    indicator.name_zh as indicator_name,
    indicator.name_en as indicator_name_en,
    indicator.unit,
    indicator.aggregation,
    figure.value,
    figure.target,
    figure.value_with_target,
    figure.units_with_target,
    figure.attainment,
    figure.units_expected,
    figure.units_counted,
    {{ exact_ratio('figure.units_counted', 'figure.units_expected') }} as coverage_rate,
    figure.previous_value,
    figure.previous_units_counted,
    figure.change_rate,
    figure.matched_units,
    figure.matched_value,
    figure.matched_previous_value,
    figure.matched_change_rate,
    figure.matched_change_points,
    figure.growth_withheld_by,
    figure.observation_status
from {{ aggregates }} as figure
{%- if place %}
inner join {{ place }} as region on figure.province_code = region.province_code
{%- endif %}
inner join {{ ref('dim_task') }} as task on figure.task_code = task.task_code
inner join {{ ref('dim_indicator') }} as indicator on figure.indicator_code = indicator.indicator_code
{%- endmacro %}
