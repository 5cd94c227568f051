select
    level,
    name_zh,
    name_en,
    display_order
from {{ ref('level_names') }}
