{#- A table in the lake, although its name begins with v_: DuckLake has views, but no comments on their
    columns, and the text of a view would name the catalogue as the build attaches it. -#}

select
    figure.year,
    figure.unit_code,
    unit.unit_name,
    figure.task_code,
    task.task_name,
    task.task_name_en,
    figure.province_code,
    region.province_name,
    region.province_name_en,
    unit.city_name,
    unit.level,
    level.name_zh as level_name,
    level.name_en as level_name_en,
    unit.category,
    coalesce(category.name_zh, unit.category) as category_name,
    coalesce(category.name_en, unit.category) as category_name_en,
    figure.indicator_code,
    indicator.name_zh as indicator_name,
    indicator.name_en as indicator_name_en,
    indicator.unit,
    figure.value,
    figure.target,
    figure.attainment,
    figure.is_excluded,
    figure.exclusion_code,
    coalesce(rule.name_zh, finding.name_zh) as exclusion_name,
    coalesce(rule.name_en, finding.name_en) as exclusion_name_en,
    figure.document_id
from {{ ref('fct_unit_indicator') }} as figure
inner join {{ ref('dim_unit') }} as unit on figure.year = unit.year and figure.unit_code = unit.unit_code
inner join {{ ref('dim_task') }} as task on figure.task_code = task.task_code
inner join {{ ref('dim_region') }} as region on figure.province_code = region.province_code
inner join {{ ref('dim_indicator') }} as indicator on figure.indicator_code = indicator.indicator_code
left join {{ ref('dim_level') }} as level on unit.level = level.level
left join {{ ref('dim_category') }} as category
    on unit.task_code = category.task_code and unit.category = category.category
left join {{ ref('dim_rule') }} as rule on figure.exclusion_code = rule.rule_id
left join {{ ref('dim_code') }} as finding
    on finding.column_name = 'exclusion_code' and figure.exclusion_code = finding.code
