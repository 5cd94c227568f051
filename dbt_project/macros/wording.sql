{#- A template of error_codes.csv with its {fields} filled in from the relations `finding`, `document`
    and `indicator` (see submission_errors). -#}
{% macro filled_template(template, indicator_name) -%}
    {%- set fields = {
        'indicator': "concat_ws(' ', finding.indicator_code, " ~ indicator_name ~ ")",
        'min': plain_number('indicator.hard_min'),
        'max': plain_number('indicator.hard_max'),
        'unit_code': 'document.unit_code',
        'value': 'substr(finding.value, 1, 200)',
        'evidence': 'finding.evidence',
    } -%}
    {%- set filled = namespace(sql=template) -%}
    {%- for field, text in fields.items() -%}
        {%- set filled.sql = 'replace(' ~ filled.sql ~ ", '{" ~ field ~ "}', coalesce(" ~ text ~ ", ''))" -%}
    {%- endfor -%}
    {{ return(filled.sql) }}
{%- endmacro %}

{#- The position at which a missing value is expected: below the document's JSON Pointer; in a table,
    the document's first row. -#}
{% macro place_of_missing(location, indicator_code) -%}
    case
        when {{ location }} = '' or {{ location }} like '/%'
            then concat_ws('', {{ location }}, '/values/', {{ indicator_code }})
        else {{ location }}
    end
{%- endmacro %}

{#- An operand of a rule and its value (relation `operand`), e.g. `C_04=100` or `上年C_04=90`. -#}
{% macro named_operand(last_year, target) -%}
    {{ return(
        "concat_ws('', replace(replace(operand.operand, 'prev_', '" ~ last_year ~ "'), 'target_', '" ~ target
        ~ "'), '=', " ~ plain_number('operand.value') ~ ")"
    ) }}
{%- endmacro %}

{#- The Chinese name of an assessment's grade; NULL for an unknown one. -#}
{% macro grade_name(grade) -%}
    case {{ grade }}
        when 'excellent' then '优秀'
        when 'good' then '良好'
        when 'pass' then '合格'
        when 'fail' then '不合格'
    end
{%- endmacro %}

{#- A text whose {threshold} is replaced by a fraction as a percentage. -#}
{% macro with_percentage(text, fraction) -%}
    replace({{ text }}, '{threshold}', coalesce({{ plain_number('100 * ' ~ fraction) }} || '%', ''))
{%- endmacro %}
