
select
    indicator_code,
    task_code,
    name_zh,
    name_en,
    unit,
    value_type,
    aggregation,
    numerator,
    denominator,
    hard_min,
    hard_max,
    is_submitted,
    is_required,
    stock_flow,
    direction,
    provenance,
    source,
    notes
from {{ ref('indicators') }}
