-- 距2025年的建设目标还差多少？
select task.task_name, level.name_zh as level, goal.target_count, goal.achieved_with_higher,
    goal.progress_rate, goal.time_elapsed_rate
from marts.agg_national_target as goal
join marts.dim_task as task using (task_code)
join marts.dim_level as level on level.level = goal.level
where goal.year = $year
order by task.display_order, level.display_order, goal.category nulls first
