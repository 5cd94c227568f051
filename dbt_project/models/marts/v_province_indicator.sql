{#- A table in the lake, although its name begins with v_: DuckLake has views, but no comments on their
    columns, and the text of a view would name the catalogue as the build attaches it. -#}

-- Rows of all tasks together (ALL) have no task to join: they would be counted twice in a sum.
select
    figure.year,
    figure.province_code,
    region.province_name,
    region.province_name_en,
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
from {{ ref('agg_province_indicator') }} as figure
inner join {{ ref('dim_region') }} as region on figure.province_code = region.province_code
inner join {{ ref('dim_task') }} as task on figure.task_code = task.task_code
inner join {{ ref('dim_indicator') }} as indicator on figure.indicator_code = indicator.indicator_code
