{#- The largest magnitude that counts if the catalogue has no bound: sums over all units of the nation
    still fit DECIMAL(24,6) and the arithmetic of exact_ratio (see macros/exact.sql). -#}
{%- set largest = 'cast(1000000000000 as decimal(38, 10))' -%}
with code_lists as (
    select
        document_key,
        indicator_code,
        count(*) as codes,
        bool_or(not is_known) as has_unknown_code
    from {{ ref('int_unit_codes') }}
    group by document_key, indicator_code
),

submitted as (
    select
        document.document_key,
        document.unit_code,
        document.task_code,
        document.province_code,
        submitted.indicator_code,
        submitted.value_text,
        submitted.location,
        indicator.indicator_code is not null as is_in_catalogue,
        coalesce(indicator.is_submitted, false) as is_submitted,
        coalesce(indicator.hard_min, -{{ largest }}) as lowest,
        coalesce(indicator.hard_max, {{ largest }}) as highest,
        coalesce(
            indicator.value_type in ('count', 'person_times', 'person_days', 'year', 'yesno'), false
        ) as is_whole,
        coalesce(code_lists.has_unknown_code, false) as has_unknown_code,
        case
            when indicator.value_type = 'code_list'
                then cast(coalesce(code_lists.codes, 0) as decimal(38, 10))
            when
                submitted.value_kind = 'number'
                or (submitted.value_kind = 'boolean' and indicator.value_type = 'yesno')
                then submitted.value_number
        end as number
    from {{ ref('stg_performance_values') }} as submitted
    inner join {{ ref('stg_documents') }} as document
        on submitted.document_key = document.document_key
    left join {{ ref('int_task_indicators') }} as indicator
        on
            document.task_code = indicator.task_code
            and submitted.indicator_code = indicator.indicator_code
    left join code_lists
        on
            submitted.document_key = code_lists.document_key
            and submitted.indicator_code = code_lists.indicator_code
    where document.document_type = 'performance'
),

judged as (
    select
        submitted.*,
        case
            when not is_in_catalogue then 'E204'
            when not is_submitted then 'E205'
            when has_unknown_code then 'E206'
            when number is null then 'E201'
            when is_whole and number <> floor(number) then 'E202'
            when number < lowest or number > highest then 'E203'
        end as finding_code
    from submitted
)

select
    document_key,
    unit_code,
    task_code,
    province_code,
    indicator_code,
    value_text as submitted_value,
    location,
    is_in_catalogue and is_submitted as is_catalogued,
    finding_code,
    case when finding_code is null then {{ published_decimal('number') }} end as value
from judged
