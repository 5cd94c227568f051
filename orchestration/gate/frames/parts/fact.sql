select
    unit_code,
    province_code,
    task_code,
    indicator_code,
    value,
    document_id,
    is_excluded,
    exclusion_code
from marts.fct_unit_indicator
where year = {{ year }}
