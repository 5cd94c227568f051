with performances as (
    select
        document_key,
        unit_code,
        task_code
    from {{ ref('int_documents') }}
    where document_type = 'performance'
),

value_findings as (
    select
        document_key,
        indicator_code,
        finding_code as code,
        location,
        submitted_value as value
    from {{ ref('int_judged_values') }}
    where finding_code is not null

    union all

    select
        target.document_key,
        target.indicator_code,
        case when target.is_in_catalogue then 'E201' else 'E204' end as code,
        target.location,
        target.submitted_target as value
    from {{ ref('int_unit_targets') }} as target
    inner join {{ ref('int_documents') }} as document
        on target.document_key = document.document_key
    where document.is_of_year and target.target is null
),

missing_values as (
    select
        performance.document_key,
        indicator.indicator_code,
        'W208' as code,
        {{ place_of_missing('place.location', 'indicator.indicator_code') }} as location,
        cast(null as {{ type_text() }}) as value
    from performances as performance
    inner join {{ ref('int_task_indicators') }} as indicator
        on performance.task_code = indicator.task_code
    inner join {{ ref('stg_performances') }} as place
        on performance.document_key = place.document_key
    left join {{ ref('int_judged_values') }} as judged
        on
            performance.document_key = judged.document_key
            and indicator.indicator_code = judged.indicator_code
    where
        indicator.is_submitted
        and indicator.is_required
        and judged.document_key is null
),

state_findings as (
    select
        document.document_key,
        cast(null as {{ type_text() }}) as indicator_code,
        case
            when document.is_late and document.is_in_time_to_count then 'W304'
            when document.is_late then 'W301'
            when unit.unit_code is null then 'E109'
            else 'W305'
        end as code,
        '' as location,
        case
            when document.is_late
                then cast(document.submitted_at as {{ type_text() }})
            else document.unit_code
        end as value
    from {{ ref('int_documents') }} as document
    left join {{ ref('int_units') }} as unit on document.unit_code = unit.unit_code
    where
        document.is_of_year
        and (
            document.is_late
            or (
                document.document_type <> 'registration'
                and document.unit_code is not null
                and unit.unit_code is null
            )
            or (
                document.document_type in ('performance', 'assessment')
                and not unit.is_expected
            )
        )
),

-- How a document came, and whether any of its values counts.
document_findings as (
    {%- for code, value, condition in [
        ('W302', 'cast(received_at as ' ~ type_text() ~ ')', 'is_late_arrival'),
        ('W303', 'cast(submitted_at as ' ~ type_text() ~ ')', 'has_wrong_clock'),
        ('W307', 'document_id', 'is_shared_id'),
        ('E062', 'cast(null as ' ~ type_text() ~ ')', 'not has_values')
    ] %}
        select
            document_key,
            cast(null as {{ type_text() }}) as indicator_code,
            '{{ code }}' as code,
            '' as location,
            {{ value }} as value
        from {{ ref('int_documents') }}
        where is_of_year and {{ condition }}

        union all
    {% endfor %}
    select distinct
        document_key,
        cast(null as {{ type_text() }}) as indicator_code,
        'W311' as code,
        '' as location,
        document_digest as value
    from {{ ref('int_confirmations') }}
    where not is_known
),

report_findings as (
    select
        document_key,
        cast(null as {{ type_text() }}) as indicator_code,
        code,
        location,
        value
    from {{ ref('int_report_findings') }}
),

-- Returns that have no effect, or not the one that was meant, and documents that were returned.
return_findings as (
    select
        document_key,
        cast(null as {{ type_text() }}) as indicator_code,
        code,
        '' as location,
        value,
        evidence
    from {{ ref('int_return_findings') }}
),

suspicions as (
    select
        suspicion.document_key,
        suspicion.indicator_code,
        suspicion.code,
        coalesce(judged.location, place.location) as location,
        judged.submitted_value as value,
        suspicion.evidence
    from {{ ref('int_suspicions') }} as suspicion
    inner join {{ ref('stg_performances') }} as place on suspicion.document_key = place.document_key
    left join {{ ref('int_judged_values') }} as judged
        on
            suspicion.document_key = judged.document_key
            and suspicion.indicator_code = judged.indicator_code
),

coded_findings as (
    {%- set nothing = 'cast(null as ' ~ type_text() ~ ')' -%}
    {%- for relation, evidence in [
        ('value_findings', nothing),
        ('missing_values', nothing),
        ('state_findings', nothing),
        ('document_findings', nothing),
        ('report_findings', nothing),
        ('return_findings', 'evidence'),
        ('suspicions', 'evidence')
    ] %}
        select
            document_key,
            indicator_code,
            code,
            location,
            value,
            {{ evidence }} as evidence
        from {{ relation }}
        {{ 'union all' if not loop.last }}
    {% endfor %}
),

worded_findings as (
    select
        finding.document_key,
        finding.indicator_code,
        finding.code,
        wording.severity,
        finding.location,
        substr(finding.value, 1, 200) as value,
        concat_ws(
            '',
            {{ filled_template('wording.message_zh', 'indicator.name_zh') }}, '。', wording.fix_zh
        ) as message_zh,
        concat_ws(
            '',
            {{ filled_template('wording.message_en', 'indicator.name_en') }}, '. ', wording.fix_en
        ) as message_en
    from coded_findings as finding
    inner join {{ ref('int_documents') }} as document
        on finding.document_key = document.document_key
    inner join {{ ref('error_codes') }} as wording on finding.code = wording.code
    left join {{ ref('indicators') }} as indicator
        on finding.indicator_code = indicator.indicator_code
),

-- The codes that a rule names, in its order; the finding is recorded for the first one.
rule_codes as (
    select
        rule_id,
        {{ split_to_rows('indicator_codes', ';') }} as indicator_code
    from {{ ref('rules') }}
),

rule_values as (
    select
        finding.document_key,
        finding.rule_id,
        {{ text_list("concat_ws('', judged.indicator_code, '=', judged.submitted_value)", ';') }} as value
    from {{ ref('int_rule_findings') }} as finding
    inner join rule_codes on finding.rule_id = rule_codes.rule_id
    inner join {{ ref('int_judged_values') }} as judged
        on
            finding.document_key = judged.document_key
            and rule_codes.indicator_code = judged.indicator_code
    group by finding.document_key, finding.rule_id
),

-- The operands that the rule was evaluated with: values of this year and last year, and targets.
rule_operands as (
    select
        finding.document_key,
        finding.rule_id,
        {{ text_list(named_operand('上年', '目标'), '，') }} as operands_zh,
        {{ text_list(named_operand('last year ', 'target '), ', ') }} as operands_en
    from {{ ref('int_rule_findings') }} as finding
    inner join {{ ref('rules') }} as rule on finding.rule_id = rule.rule_id
    inner join {{ ref('int_rule_operands') }} as operand
        on
            finding.document_key = operand.document_key
            and position(operand.operand in rule.expression) > 0
    group by finding.document_key, finding.rule_id
),

rule_findings as (
    select
        finding.document_key,
        split_part(rule.indicator_codes, ';', 1) as indicator_code,
        finding.rule_id as code,
        case when rule.severity = 'blocking' then 'error' else 'warning' end as severity,
        coalesce(
            judged.location,
            {{ place_of_missing('place.location', "split_part(rule.indicator_codes, ';', 1)") }}
        ) as location,
        substr(rule_values.value, 1, 200) as value,
        concat_ws(
            '。',
            concat_ws('', rule.message_zh, '（', rule.rule_id, '：', rule_operands.operands_zh, '）'),
            rule.fix_hint_zh
        ) as message_zh,
        concat_ws('', rule.message_en, ' (', rule.rule_id, ': ', rule_operands.operands_en, ')') as message_en
    from {{ ref('int_rule_findings') }} as finding
    inner join {{ ref('rules') }} as rule on finding.rule_id = rule.rule_id
    inner join {{ ref('stg_performances') }} as place on finding.document_key = place.document_key
    left join rule_operands
        on
            finding.document_key = rule_operands.document_key
            and finding.rule_id = rule_operands.rule_id
    left join rule_values
        on
            finding.document_key = rule_values.document_key
            and finding.rule_id = rule_values.rule_id
    left join {{ ref('int_judged_values') }} as judged
        on
            finding.document_key = judged.document_key
            and split_part(rule.indicator_codes, ';', 1) = judged.indicator_code
),

findings as (
    select
        document_key,
        indicator_code,
        code,
        severity,
        location,
        value,
        message_zh,
        message_en
    from worded_findings

    union all

    select
        document_key,
        indicator_code,
        code,
        severity,
        location,
        value,
        message_zh,
        message_en
    from rule_findings
),

explanations as (
    select
        document.document_key,
        document.document_id,
        document.unit_code,
        explanation.rule_id,
        explanation.explanation
    from {{ ref('int_documents') }} as document
    inner join {{ ref('stg_explanations') }} as explanation
        on document.document_key = explanation.document_key
    where document.document_type = 'explanation' and document.is_effective
),

-- Findings of intake: objects and documents that break their contract.
intake_findings as (
    select
        error.year,
        error.province_code,
        error.object_key,
        error.document_id,
        error.unit_code,
        error.indicator_code,
        error.code,
        error.severity,
        error.location,
        error.message_zh,
        error.message_en,
        error.etag,
        error.value,
        explanations.document_key as explaining_key,
        explanations.document_id as explained_by,
        explanations.explanation
    from {{ source('raw', 'document_errors') }} as error
    inner join {{ ref('stg_reporting_period') }} as period on error.year = period.year
    left join explanations
        on
            error.severity = 'warning'
            and error.unit_code = explanations.unit_code
            and error.code = explanations.rule_id
),

placed_findings as (
    select
        document.document_id,
        finding.indicator_code,
        finding.code,
        finding.severity,
        finding.location,
        finding.value,
        finding.message_zh,
        finding.message_en,
        document.year,
        document.province_code,
        document.object_key,
        document.unit_code,
        document.etag,
        explanations.document_key as explaining_key,
        explanations.document_id as explained_by,
        explanations.explanation
    from findings as finding
    inner join {{ ref('int_documents') }} as document
        on finding.document_key = document.document_key
    -- Only warnings can be explained; errors must be corrected.
    left join explanations
        on
            finding.severity = 'warning'
            and document.unit_code = explanations.unit_code
            and finding.code = explanations.rule_id
),

answered as (
    select explaining_key
    from placed_findings
    where explaining_key is not null

    union

    select explaining_key
    from intake_findings
    where explaining_key is not null
),

idle_explanations as (
    select
        explanations.document_key,
        explanations.rule_id
    from explanations
    left join answered on explanations.document_key = answered.explaining_key
    where answered.explaining_key is null
)

select
    year,
    province_code,
    object_key,
    document_id,
    unit_code,
    indicator_code,
    code,
    severity,
    location,
    message_zh,
    message_en,
    etag,
    value,
    explained_by,
    explanation
from intake_findings

union all

select
    year,
    province_code,
    object_key,
    document_id,
    unit_code,
    indicator_code,
    code,
    severity,
    location,
    message_zh,
    message_en,
    etag,
    value,
    explained_by,
    explanation
from placed_findings

union all

-- An explanation without such a warning has no effect, which is reported to its unit.
select
    document.year,
    document.province_code,
    document.object_key,
    document.document_id,
    document.unit_code,
    cast(null as {{ type_text() }}) as indicator_code,
    wording.code,
    wording.severity,
    '' as location,
    concat_ws('', replace(wording.message_zh, '{value}', idle.rule_id), '。', wording.fix_zh) as message_zh,
    concat_ws('', replace(wording.message_en, '{value}', idle.rule_id), '. ', wording.fix_en) as message_en,
    document.etag,
    idle.rule_id as value,
    cast(null as {{ type_text() }}) as explained_by,
    cast(null as {{ type_text() }}) as explanation
from idle_explanations as idle
inner join {{ ref('int_documents') }} as document on idle.document_key = document.document_key
inner join {{ ref('error_codes') }} as wording on wording.code = 'W306'
