select
    period.year,
    late.province_code,
    late.task_code,
    late.indicator_code,
    cast(count(*) as integer) as units_late,
    cast(
        case when indicator.aggregation in ('sum', 'count_true') then sum(late.value) end
        as decimal(24, 6)
    ) as late_value
from {{ ref('int_late_values') }} as late
inner join {{ ref('indicators') }} as indicator on late.indicator_code = indicator.indicator_code
cross join {{ ref('stg_reporting_period') }} as period
group by
    period.year,
    late.province_code,
    late.task_code,
    late.indicator_code,
    indicator.aggregation
