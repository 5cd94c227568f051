with code_unions as (
    select
        province_code,
        task_code,
        indicator_code,
        count(*) as codes
    from {{ ref('int_counted_codes') }}
    group by province_code, task_code, indicator_code
),

aggregated as (
    select
        expected.province_code,
        expected.task_code,
        indicator.indicator_code,
        expected.units_expected,
        {{ aggregated_figures() }}
    from {{ ref('int_expected_units') }} as expected
    inner join {{ ref('indicators') }} as indicator
        on coalesce(indicator.task_code, expected.task_code) = expected.task_code
    left join {{ ref('int_indicator_totals') }} as total
        on
            expected.province_code = total.province_code
            and expected.task_code = total.task_code
            and indicator.indicator_code = total.indicator_code
    left join code_unions as code_union
        on
            expected.province_code = code_union.province_code
            and expected.task_code = code_union.task_code
            and indicator.indicator_code = code_union.indicator_code
),

rules as (
    {{ aggregate_rules() }}
)

select
    period.year,
    aggregated.province_code,
    aggregated.task_code,
    aggregated.indicator_code,
    {{ published_figures() }}
from aggregated
cross join {{ ref('stg_reporting_period') }} as period
cross join rules
left join {{ ref('incomparable_indicators') }} as incomparable
    on aggregated.indicator_code = incomparable.indicator_code
left join {{ ref('series_breaks') }} as series_break
    on
        aggregated.indicator_code = series_break.indicator_code
        and period.year = series_break.year
left join {{ source('prior', 'agg_province_indicator') }} as previous
    on
        aggregated.province_code = previous.province_code
        and aggregated.task_code = previous.task_code
        and aggregated.indicator_code = previous.indicator_code
        and period.year - 1 = previous.year
