with performances as (
    select
        document.unit_code,
        document.document_id,
        document.submitted_at,
        performance.report_object_key,
        performance.highlight
    from {{ ref('int_documents') }} as document
    inner join {{ ref('stg_performances') }} as performance
        on document.document_key = performance.document_key
    where document.document_type = 'performance' and document.is_effective
),

received as (
    select
        unit_code,
        bool_or(not is_late) as is_on_time
    from {{ ref('int_documents') }}
    where document_type = 'performance' and has_values and not is_returned
    group by unit_code
),

assessments as (
    select
        document.unit_code,
        assessment.score,
        assessment.grade
    from {{ ref('int_documents') }} as document
    inner join {{ ref('stg_assessments') }} as assessment
        on document.document_key = assessment.document_key
    where document.document_type = 'assessment' and document.is_effective
),

required as (
    select
        task_code,
        count(*) as indicators_required
    from {{ ref('int_task_indicators') }}
    where is_submitted and is_required
    group by task_code
),

facts as (
    select
        fact.unit_code,
        count(*) filter (where fact.document_id is not null) as indicators_reported,
        count(*) filter (where fact.document_id is not null and indicator.is_required) as required_reported,
        count(*) filter (where fact.is_excluded) as indicators_excluded,
        count(*) filter (where fact.target is not null) as targets_set,
        count(*) filter (where fact.target is not null and fact.value is not null) as targets_counted,
        count(*) filter (
            where {{ meets_target('fact.value', 'fact.target', 'indicator.direction') }}
        ) as targets_met
    from {{ ref('fct_unit_indicator') }} as fact
    inner join {{ ref('indicators') }} as indicator
        on fact.indicator_code = indicator.indicator_code
    where indicator.is_submitted
    group by fact.unit_code
)

select
    period.year,
    unit.unit_code,
    unit.task_code,
    unit.province_code,
    unit.level,
    received.unit_code is not null as has_reported,
    coalesce(received.is_on_time, false) as is_on_time,
    performance.report_object_key is not null as has_report_file,
    assessment.score as assessment_score,
    assessment.grade as assessment_grade,
    cast(coalesce(required.indicators_required, 0) as integer) as indicators_required,
    cast(coalesce(facts.indicators_reported, 0) as integer) as indicators_reported,
    cast(coalesce(facts.indicators_excluded, 0) as integer) as indicators_excluded,
    cast(
        coalesce(required.indicators_required, 0) - coalesce(facts.required_reported, 0) as integer
    ) as indicators_missing,
    cast(coalesce(facts.targets_set, 0) as integer) as targets_set,
    cast(coalesce(facts.targets_counted, 0) as integer) as targets_counted,
    cast(coalesce(facts.targets_met, 0) as integer) as targets_met,
    received.unit_code is not null and not received.is_on_time as is_late,
    performance.document_id,
    performance.submitted_at,
    performance.highlight,
    unit.category
from {{ ref('int_units') }} as unit
cross join {{ ref('stg_reporting_period') }} as period
left join performances as performance on unit.unit_code = performance.unit_code
left join received on unit.unit_code = received.unit_code
left join assessments as assessment on unit.unit_code = assessment.unit_code
left join required on unit.task_code = required.task_code
left join facts on unit.unit_code = facts.unit_code
where unit.is_expected
