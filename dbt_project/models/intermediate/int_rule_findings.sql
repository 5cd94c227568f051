-- depends_on: {{ ref('rules') }}
-- depends_on: {{ ref('indicators') }}
-- depends_on: {{ ref('int_rule_operands') }}
{# The operands of each task are pivoted to columns. Each rule is one boolean expression over them. The
    rules that fire are collected in one text per document, so that each value is read only once. #}
{% set plans = rules_by_task() %}
with period as (
    select year as reporting_year
    from {{ ref('stg_reporting_period') }}
)

{%- for plan in plans %},

{{ plan.task_code | lower }}_operands as (
    select
        document_key,
        unit_code,
        {%- for operand in plan.operands %}
        max(case when operand = '{{ operand }}' then value end) as {{ operand }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_rule_operands') }}
    where task_code = '{{ plan.task_code }}'
    group by document_key, unit_code
),

{{ plan.task_code | lower }}_fired as (
    select
        document_key,
        unit_code,
        concat_ws(
            ';',
            {%- for rule in plan.rules %}
            case when ({{ rule.expression }}) is false then '{{ rule.rule_id }}' end{{ ',' if not loop.last }}
            {%- endfor %}
        ) as fired
    from {{ plan.task_code | lower }}_operands
    cross join period
)
{%- endfor %}

-- noqa: disable=LT02
{% for plan in plans %}
select
    document_key,
    unit_code,
    {{ split_to_rows('fired', ';') }} as rule_id
from {{ plan.task_code | lower }}_fired
where fired <> ''
{% if not loop.last %}
union all
{% endif %}
{%- else %}
select
    cast(null as {{ type_text() }}) as document_key,
    cast(null as {{ type_text() }}) as unit_code,
    cast(null as {{ type_text() }}) as rule_id
from period
where false
{%- endfor %}
