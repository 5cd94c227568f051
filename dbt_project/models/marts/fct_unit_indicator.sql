with unit_values as (
    select
        judged.unit_code,
        judged.indicator_code,
        judged.document_key,
        judged.submitted_value,
        case when exclusion.rule_id is null then judged.value end as value,
        coalesce(judged.finding_code, exclusion.rule_id) as exclusion_code
    from {{ ref('int_judged_values') }} as judged
    left join {{ ref('int_rule_exclusions') }} as exclusion
        on
            judged.document_key = exclusion.document_key
            and judged.indicator_code = exclusion.indicator_code
    where judged.is_effective and judged.is_catalogued

    union all

    select
        unit_code,
        indicator_code,
        document_key,
        cast(null as {{ type_text() }}) as submitted_value,
        value,
        exclusion_code
    from {{ ref('int_unit_ratios') }}
),

unit_targets as (
    select
        unit_code,
        indicator_code,
        target
    from {{ ref('int_unit_targets') }}
    where target is not null
),

facts as (
    select
        coalesce(unit_values.unit_code, unit_targets.unit_code) as unit_code,
        coalesce(unit_values.indicator_code, unit_targets.indicator_code) as indicator_code,
        unit_values.value,
        unit_targets.target,
        unit_values.exclusion_code,
        unit_values.document_key,
        unit_values.submitted_value
    from unit_values
    full outer join unit_targets
        on
            unit_values.unit_code = unit_targets.unit_code
            and unit_values.indicator_code = unit_targets.indicator_code
)

select
    period.year,
    facts.unit_code,
    unit.task_code,
    unit.province_code,
    facts.indicator_code,
    facts.value,
    facts.target,
    {{ exact_ratio('facts.value', 'facts.target') }} as attainment,
    facts.exclusion_code is not null as is_excluded,
    facts.exclusion_code,
    document.document_id,
    facts.submitted_value
from facts
left join {{ ref('int_documents') }} as document on facts.document_key = document.document_key
inner join {{ ref('int_units') }} as unit on facts.unit_code = unit.unit_code
cross join {{ ref('stg_reporting_period') }} as period
where unit.is_expected
