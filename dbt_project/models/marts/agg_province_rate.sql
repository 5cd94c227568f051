select
    figure.year,
    figure.province_code,
    figure.task_code,
    figure.indicator_code,
    per.denominator,
    figure.value,
    per.value as denominator_value,
    {{ exact_ratio('figure.value', 'per.value', 24) }} as value_per_head,
    figure.units_expected,
    figure.units_counted,
    figure.is_total,
    per.source
from {{ ref('agg_province_indicator') }} as figure
inner join {{ ref('indicators') }} as indicator
    on figure.indicator_code = indicator.indicator_code
inner join {{ ref('province_denominators') }} as per
    on
        figure.year = per.year
        and figure.province_code = per.province_code
where indicator.aggregation = 'sum' and figure.value is not null
