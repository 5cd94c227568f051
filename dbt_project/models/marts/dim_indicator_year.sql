{#- Unlike dim_indicator, a year keeps the definitions with which its figures were computed. -#}
select
    period.year,
    indicator.indicator_code,
    indicator.owner_task_code,
    indicator.name_zh,
    indicator.name_en,
    indicator.unit,
    indicator.value_type,
    indicator.aggregation,
    indicator.numerator,
    indicator.denominator,
    indicator.hard_min,
    indicator.hard_max,
    indicator.is_submitted,
    indicator.is_required,
    indicator.stock_flow,
    indicator.direction,
    series_break.indicator_code is not null as is_series_break,
    series_break.reason_zh as break_reason_zh,
    series_break.reason_en as break_reason_en
from {{ ref('dim_indicator') }} as indicator
cross join {{ ref('stg_reporting_period') }} as period
left join {{ ref('series_breaks') }} as series_break
    on
        indicator.indicator_code = series_break.indicator_code
        and period.year = series_break.year
