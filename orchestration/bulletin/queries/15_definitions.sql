-- 一项指标当年的定义是什么，怎样汇总？
select definition.name_zh, definition.unit, method.name_zh as aggregation, definition.numerator,
    definition.denominator, definition.is_series_break
from marts.dim_indicator_year as definition
join marts.dim_code as method
    on method.column_name = 'aggregation' and method.code = definition.aggregation
where definition.year = $year and definition.owner_task_code in ('ALL', 'T05')
order by definition.indicator_code
