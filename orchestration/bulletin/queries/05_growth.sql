-- 哪些全国数可以说同口径增减，增减多少？
select task_name, indicator_name, matched_previous_value, matched_value, matched_change_rate,
    matched_units
from marts.v_national_indicator
where year = $year and growth_withheld_by is null
order by matched_change_rate desc nulls last, task_code, indicator_code
