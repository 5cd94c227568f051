select
    rule_id,
    message_zh as name_zh,
    message_en as name_en,
    task_code,
    category,
    severity,
    expression,
    indicator_codes,
    compares_with_last_year,
    fix_hint_zh as fix_zh
from {{ ref('rules') }}
