-- 一个省份各城市有多少单位，到位经费多少？
select group_name as city, sum(units_expected) as units_expected, sum(value) as funding
from marts.agg_province_group_indicator
where year = $year and province_code = '440000' and group_kind = 'city'
    and indicator_code = 'C_05'
group by all
order by funding desc nulls last, city
