with expected_units as (
    select
        task_code,
        cast(sum(units_expected) as integer) as units_expected
    from {{ ref('int_expected_units') }}
    group by task_code
),

totals as (
    select
        task_code,
        indicator_code,
        {{ sum_indicator_totals() }}
    from {{ ref('int_indicator_totals') }}
    group by task_code, indicator_code
),

code_unions as (
    select
        task_code,
        indicator_code,
        count(distinct code) as codes
    from {{ ref('int_counted_codes') }}
    group by task_code, indicator_code
),

aggregated as (
    select
        expected.task_code,
        indicator.indicator_code,
        expected.units_expected,
        {{ aggregated_figures() }}
    from expected_units as expected
    inner join {{ ref('indicators') }} as indicator
        on coalesce(indicator.task_code, expected.task_code) = expected.task_code
    left join totals as total
        on
            expected.task_code = total.task_code
            and indicator.indicator_code = total.indicator_code
    left join code_unions as code_union
        on
            expected.task_code = code_union.task_code
            and indicator.indicator_code = code_union.indicator_code
),

rules as (
    {{ aggregate_rules() }}
)

select
    period.year,
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
left join {{ source('prior', 'agg_national_indicator') }} as previous
    on
        aggregated.task_code = previous.task_code
        and aggregated.indicator_code = previous.indicator_code
        and period.year - 1 = previous.year
