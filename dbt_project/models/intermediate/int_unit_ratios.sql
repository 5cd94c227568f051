with parts as (
    select
        indicator_code,
        task_code,
        unit,
        'numerator' as role,
        numerator as part_code
    from {{ ref('int_task_indicators') }}
    where aggregation = 'ratio'

    union all

    select
        indicator_code,
        task_code,
        unit,
        'denominator' as role,
        denominator as part_code
    from {{ ref('int_task_indicators') }}
    where aggregation = 'ratio'
),

submitted as (
    select
        judged.document_key,
        judged.unit_code,
        judged.task_code,
        judged.province_code,
        judged.indicator_code,
        case when exclusion.rule_id is null then judged.value end as value
    from {{ ref('int_judged_values') }} as judged
    left join {{ ref('int_rule_exclusions') }} as exclusion
        on
            judged.document_key = exclusion.document_key
            and judged.indicator_code = exclusion.indicator_code
    where judged.is_effective and judged.is_catalogued
),

pairs as (
    select
        submitted.document_key,
        submitted.unit_code,
        submitted.task_code,
        submitted.province_code,
        parts.indicator_code,
        parts.unit,
        max(case when parts.role = 'numerator' then submitted.value end) as numerator,
        max(case when parts.role = 'denominator' then submitted.value end) as denominator
    from submitted
    inner join parts
        on
            submitted.task_code = parts.task_code
            and submitted.indicator_code = parts.part_code
    group by
        submitted.document_key,
        submitted.unit_code,
        submitted.task_code,
        submitted.province_code,
        parts.indicator_code,
        parts.unit
),

counted as (
    select
        pairs.document_key,
        pairs.unit_code,
        pairs.task_code,
        pairs.province_code,
        pairs.indicator_code,
        pairs.unit,
        exclusion.rule_id as exclusion_code,
        pairs.numerator is not null
        and pairs.denominator is not null
        and exclusion.rule_id is null as is_counted,
        pairs.numerator,
        pairs.denominator
    from pairs
    left join {{ ref('int_rule_exclusions') }} as exclusion
        on
            pairs.document_key = exclusion.document_key
            and pairs.indicator_code = exclusion.indicator_code
)

select
    document_key,
    unit_code,
    task_code,
    province_code,
    indicator_code,
    exclusion_code,
    case when is_counted then numerator end as numerator,
    case when is_counted then denominator end as denominator,
    case
        when is_counted
            then
                {{ exact_ratio(
                    'numerator', 'denominator', 24, "case when unit = '%' then 100 else 1 end"
                ) }}
    end as value
from counted
