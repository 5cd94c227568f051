{#- The digest covers what a province signs: which of its units are expected and on time, their
    assessments, and every value with its target. A document that is sent again with the same content
    changes nothing. -#}
with facts as (
    select
        province_code,
        task_code,
        cast(count(value) as integer) as values_counted,
        {{ text_list("concat_ws('=', unit_code, indicator_code, "
            ~ "coalesce(cast(value as " ~ type_text() ~ "), '-'), "
            ~ "coalesce(cast(target as " ~ type_text() ~ "), '-'))", ';') }} as content
    from {{ ref('fct_unit_indicator') }}
    group by province_code, task_code
),

units as (
    select
        year,
        province_code,
        task_code,
        cast(count(*) as integer) as units_expected,
        cast(count(*) filter (where is_on_time) as integer) as units_on_time,
        cast(count(assessment_grade) as integer) as units_assessed,
        {{ text_list("concat_ws('=', unit_code, level, cast(is_on_time as " ~ type_text() ~ "), "
            ~ "coalesce(cast(assessment_score as " ~ type_text() ~ "), '-'), "
            ~ "coalesce(assessment_grade, '-'))", ';') }} as content
    from {{ ref('fct_unit_year') }}
    group by year, province_code, task_code
)

select
    units.year,
    units.province_code,
    units.task_code,
    units.units_expected,
    units.units_on_time,
    units.units_assessed,
    coalesce(facts.values_counted, 0) as values_counted,
    md5(concat_ws('|', units.content, coalesce(facts.content, ''))) as figures_digest
from units
left join facts
    on units.province_code = facts.province_code and units.task_code = facts.task_code
