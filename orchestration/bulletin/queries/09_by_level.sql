-- 国家级、省级、市级、校级单位的到位经费各是多少？
select task.task_name, figure.group_name, figure.value, figure.units_counted, figure.units_expected
from marts.agg_national_group_indicator as figure
join marts.dim_task as task using (task_code)
where figure.year = $year and figure.group_kind = 'level' and figure.indicator_code = 'C_05'
order by task.display_order, figure.group_code
