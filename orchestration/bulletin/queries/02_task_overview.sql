-- 各重点任务全国有多少单位，国家级多少家，目标完成率多少？
select task.task_name, nation.units_expected, nation.units_national, nation.reporting_rate,
    nation.target_met_rate
from marts.agg_national_task as nation
join marts.dim_task as task using (task_code)
where nation.year = $year
order by task.display_order
