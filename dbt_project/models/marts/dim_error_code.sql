select
    code,
    message_zh as name_zh,
    message_en as name_en,
    severity,
    scope,
    fix_zh,
    fix_en
from {{ ref('error_codes') }}
