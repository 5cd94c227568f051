-- 哪些数不能说增减，为什么？
select reason.name_zh as reason, count(*) as figures
from marts.v_national_indicator as figure
join marts.dim_code as reason
    on reason.column_name = 'growth_withheld_by' and reason.code = figure.growth_withheld_by
where figure.year = $year
group by all
order by figures desc, reason
