{#- Columns that count units (rows of fct_unit_year, relation `unit`), for the aggregates by task and
    the scorecards. -#}
{% macro counted_units() -%}
    cast(count(unit.unit_code) as integer) as units_expected,
    cast(count(*) filter (where unit.level = 'national') as integer) as units_national,
    cast(count(*) filter (where unit.level = 'provincial') as integer) as units_provincial,
    cast(count(*) filter (where unit.level = 'municipal') as integer) as units_municipal,
    cast(count(*) filter (where unit.level = 'school') as integer) as units_school,
    cast(count(*) filter (where unit.has_reported) as integer) as units_reported,
    cast(count(*) filter (where unit.is_on_time) as integer) as units_on_time,
    cast(count(*) filter (where unit.has_report_file) as integer) as units_with_report,
    cast(count(*) filter (where unit.assessment_score is not null or unit.assessment_grade is not null) as integer)
        as units_assessed,
    cast(count(*) filter (where unit.assessment_grade = 'excellent') as integer) as units_excellent,
    cast(sum(unit.assessment_score) as decimal(38, 6)) as score_sum,
    count(unit.assessment_score) as units_scored,
    cast(coalesce(sum(unit.targets_set), 0) as integer) as targets_set,
    cast(coalesce(sum(unit.targets_met), 0) as integer) as targets_met,
    cast(coalesce(sum(unit.targets_counted), 0) as integer) as targets_counted
{%- endmacro %}

{#- The columns of agg_province_task and agg_national_task, computed from them (relation `counted`). -#}
{% macro published_units() -%}
    counted.units_expected,
    counted.units_national,
    counted.units_provincial,
    counted.units_municipal,
    counted.units_school,
    counted.units_reported,
    counted.units_on_time,
    {{ exact_ratio('counted.units_reported', 'counted.units_expected') }} as reporting_rate,
    {{ exact_ratio('counted.units_on_time', 'counted.units_expected') }} as on_time_rate,
    {{ exact_ratio('counted.units_with_report', 'counted.units_expected') }} as report_file_rate,
    {{ exact_ratio('counted.units_assessed', 'counted.units_expected') }} as assessed_rate,
    {{ exact_ratio('counted.score_sum', 'counted.units_scored') }} as mean_assessment_score,
    counted.targets_set,
    counted.targets_met,
    counted.targets_counted - counted.targets_met as targets_not_met,
    counted.targets_set - counted.targets_counted as targets_without_value,
    {{ exact_ratio('counted.targets_met', 'counted.targets_set') }} as target_met_rate
{%- endmacro %}

{#- Whether a value meets a target; NULL if one of them is NULL. -#}
{% macro meets_target(value, target='target', direction='direction') -%}
    case
        when {{ direction }} = 'lower' then {{ value }} <= {{ target }}
        else {{ value }} >= {{ target }}
    end
{%- endmacro %}

{#- The order of a unit's level: school 1, municipal 2, provincial 3, national 4. -#}
{% macro level_rank(level) -%}
    case {{ level }}
        when 'national' then 4
        when 'provincial' then 3
        when 'municipal' then 2
        when 'school' then 1
    end
{%- endmacro %}
