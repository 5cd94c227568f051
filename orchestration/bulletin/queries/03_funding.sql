-- 全国到位经费是多少，有多少单位计入？（各任务合计行，不要再按任务加总）
select indicator.name_zh, figure.value, indicator.unit, figure.units_counted, figure.units_expected,
    figure.observation_status
from marts.agg_national_indicator as figure
join marts.dim_indicator as indicator using (indicator_code)
where figure.year = $year and figure.is_total and figure.indicator_code in ('C_04', 'C_05')
order by figure.indicator_code
