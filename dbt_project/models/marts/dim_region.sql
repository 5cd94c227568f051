select
    province_code,
    province_name,
    short_name,
    display_order,
    province_name_en,
    area,
    education_organ
from {{ ref('regions') }}
