select
    measure,
    name_zh,
    name_en,
    display_order,
    kind,
    best
from {{ ref('scorecard_measures') }}
