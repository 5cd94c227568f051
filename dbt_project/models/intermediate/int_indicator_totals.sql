{#- The sums by province from which every aggregate is computed; national sums are sums of these. -#}
with facts as (
    select
        fact.province_code,
        fact.task_code,
        fact.indicator_code,
        fact.value,
        fact.target,
        fact.is_excluded,
        ratio.numerator,
        ratio.denominator,
        case indicator.aggregation
            when 'ratio' then ratio.numerator is not null
            when 'none' then false
            else fact.value is not null
        end as is_counted,
        previous.value as previous_value,
        previous_numerator.value as previous_numerator,
        previous_denominator.value as previous_denominator,
        case indicator.aggregation
            when 'ratio'
                then
                    ratio.numerator is not null
                    and previous_numerator.value is not null
                    and previous_denominator.value is not null
                    and not coalesce(previous.is_excluded, false)
            when 'none' then false
            else fact.value is not null and previous.value is not null
        end as is_matched
    from {{ ref('fct_unit_indicator') }} as fact
    inner join {{ ref('indicators') }} as indicator
        on fact.indicator_code = indicator.indicator_code
    left join {{ ref('int_unit_ratios') }} as ratio
        on
            fact.unit_code = ratio.unit_code
            and fact.indicator_code = ratio.indicator_code
    left join {{ ref('stg_last_year_values') }} as previous
        on
            fact.unit_code = previous.unit_code
            and fact.indicator_code = previous.indicator_code
    left join {{ ref('stg_last_year_values') }} as previous_numerator
        on
            fact.unit_code = previous_numerator.unit_code
            and indicator.numerator = previous_numerator.indicator_code
    left join {{ ref('stg_last_year_values') }} as previous_denominator
        on
            fact.unit_code = previous_denominator.unit_code
            and indicator.denominator = previous_denominator.indicator_code
),

task_totals as (
    select
        province_code,
        task_code,
        indicator_code,
        count(*) filter (where is_counted) as units_counted,
        count(*) filter (where is_excluded) as units_excluded,
        count(*) filter (where is_counted and target is not null) as units_targeted,
        sum(value) filter (where is_counted) as value_sum,
        max(value) filter (where is_counted) as value_max,
        sum(numerator) filter (where is_counted) as numerator_sum,
        sum(denominator) filter (where is_counted) as denominator_sum,
        sum(value) filter (where is_counted and target is not null) as targeted_value_sum,
        max(value) filter (where is_counted and target is not null) as targeted_value_max,
        sum(target) filter (where is_counted) as targeted_target_sum,
        max(target) filter (where is_counted) as targeted_target_max,
        sum(numerator) filter (where is_counted and target is not null) as targeted_numerator_sum,
        sum(denominator) filter (where is_counted and target is not null)
            as targeted_denominator_sum,
        sum({{ millionths('target') }} * {{ millionths('denominator') }})
            filter (where is_counted) as targeted_weight_sum, -- noqa: LT02
        count(*) filter (where is_matched) as matched_units,
        sum(value) filter (where is_matched) as matched_value_sum,
        sum(numerator) filter (where is_matched) as matched_numerator_sum,
        sum(denominator) filter (where is_matched) as matched_denominator_sum,
        sum(previous_value) filter (where is_matched) as matched_previous_value_sum,
        sum(previous_numerator) filter (where is_matched) as matched_previous_numerator_sum,
        sum(previous_denominator) filter (where is_matched) as matched_previous_denominator_sum
    from facts
    group by province_code, task_code, indicator_code
),

-- Every task reports the common indicators, so they also have a total over all tasks.
with_all_tasks as (
    select task_totals.*
    from task_totals

    union all

    select
        task_totals.province_code,
        'ALL' as task_code,
        task_totals.indicator_code,
        task_totals.units_counted,
        task_totals.units_excluded,
        task_totals.units_targeted,
        task_totals.value_sum,
        task_totals.value_max,
        task_totals.numerator_sum,
        task_totals.denominator_sum,
        task_totals.targeted_value_sum,
        task_totals.targeted_value_max,
        task_totals.targeted_target_sum,
        task_totals.targeted_target_max,
        task_totals.targeted_numerator_sum,
        task_totals.targeted_denominator_sum,
        task_totals.targeted_weight_sum,
        task_totals.matched_units,
        task_totals.matched_value_sum,
        task_totals.matched_numerator_sum,
        task_totals.matched_denominator_sum,
        task_totals.matched_previous_value_sum,
        task_totals.matched_previous_numerator_sum,
        task_totals.matched_previous_denominator_sum
    from task_totals
    inner join {{ ref('indicators') }} as indicator
        on task_totals.indicator_code = indicator.indicator_code
    where indicator.task_code is null
)

select
    province_code,
    task_code,
    indicator_code,
    {{ sum_indicator_totals() }}
from with_all_tasks
group by province_code, task_code, indicator_code
