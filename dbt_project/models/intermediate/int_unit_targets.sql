{#- Targets beyond the limits below are typing errors and don't count. The limits follow from exact
    arithmetic: the nation's weighted targets of a ratio (Σ target × denominator) need more digits than
    plain sums. -#}
select
    document.unit_code,
    document.task_code,
    target.document_key,
    target.indicator_code,
    target.target_text as submitted_target,
    target.location,
    indicator.indicator_code is not null as is_in_catalogue,
    coalesce(indicator.is_submitted, false) as is_submitted,
    case
        when
            indicator.indicator_code is not null and abs(target.target_number)
            <= case when indicator.is_submitted then 1000000000000 else 1000000000 end
            then {{ published_decimal('target.target_number') }}
    end as target
from {{ ref('stg_plan_targets') }} as target
inner join {{ ref('int_documents') }} as document on target.document_key = document.document_key
inner join {{ ref('stg_reporting_period') }} as period on target.target_year = period.year
left join {{ ref('int_task_indicators') }} as indicator
    on
        document.task_code = indicator.task_code
        and target.indicator_code = indicator.indicator_code
where document.document_type = 'plan' and document.is_effective
