-- depends_on: {{ ref('rules') }}
-- depends_on: {{ ref('indicators') }}
{# Only operands that a rule names; the rules of each task read them once. #}
{% set plans = rules_by_task() %}
with documents as (
    select
        document_key,
        unit_code,
        task_code
    from {{ ref('int_documents') }}
    where document_type = 'performance' and is_effective
),

counted as (
    select
        document_key,
        unit_code,
        task_code,
        indicator_code,
        value
    from {{ ref('int_judged_values') }}
    where is_effective and is_catalogued and value is not null
),

ratios as (
    select
        indicator.indicator_code,
        numerator.document_key,
        {{ exact_ratio(
            'numerator.value',
            'denominator.value',
            24,
            "case when indicator.unit = '%' then 100 else 1 end"
        ) }} as value
    from {{ ref('int_task_indicators') }} as indicator
    inner join counted as numerator
        on
            indicator.task_code = numerator.task_code
            and indicator.numerator = numerator.indicator_code
    inner join counted as denominator
        on
            indicator.denominator = denominator.indicator_code
            and numerator.document_key = denominator.document_key
    where
        indicator.aggregation = 'ratio'
        and {{ is_one_of('indicator.indicator_code', operand_codes(plans, '')) }}
),

operands as (
    select
        document_key,
        indicator_code as operand,
        value
    from counted
    where {{ is_one_of('indicator_code', operand_codes(plans, '')) }}

    union all

    select
        document_key,
        indicator_code as operand,
        value
    from ratios

    union all

    select
        documents.document_key,
        concat_ws('', 'prev_', previous.indicator_code) as operand,
        previous.value
    from {{ source('prior', 'fct_unit_indicator') }} as previous
    inner join {{ ref('stg_reporting_period') }} as period on previous.year = period.year - 1
    inner join documents on previous.unit_code = documents.unit_code
    where {{ is_one_of('previous.indicator_code', operand_codes(plans, 'prev_')) }}

    union all

    select
        documents.document_key,
        concat_ws('', 'target_', target.indicator_code) as operand,
        target.target as value
    from {{ ref('int_unit_targets') }} as target
    inner join documents on target.unit_code = documents.unit_code
    where {{ is_one_of('target.indicator_code', operand_codes(plans, 'target_')) }}
)

select
    documents.document_key,
    documents.unit_code,
    documents.task_code,
    operands.operand,
    operands.value
from operands
inner join documents on operands.document_key = documents.document_key
where operands.value is not null
