-- 某项指标各省份是多少（带名称、单位和覆盖率）？
select province_name, value, unit, units_counted, units_expected, coverage_rate
from marts.v_province_indicator
where year = $year and task_code = 'T05' and indicator_code = 'T05_01'
order by value desc nulls last, province_code
