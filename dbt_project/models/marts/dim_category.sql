select
    task_code,
    category,
    name_zh,
    name_en,
    display_order
from {{ ref('categories') }}

union all

select
    'T02' as task_code,
    code as category,
    name_zh,
    name_en,
    cast(row_number() over (order by code) as integer) as display_order
from {{ ref('industries') }}
