-- 逾期单位填报的经费有多少？
select region.province_name, sum(late.units_late) as units_late, sum(late.late_value) as late_value
from marts.agg_province_late_indicator as late
join marts.dim_region as region using (province_code)
where late.year = $year and late.indicator_code = 'C_05'
group by all
order by late_value desc, region.province_name
