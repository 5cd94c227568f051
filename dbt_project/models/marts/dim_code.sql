select
    column_name,
    code,
    name_zh,
    name_en,
    display_order
from {{ ref('code_names') }}
