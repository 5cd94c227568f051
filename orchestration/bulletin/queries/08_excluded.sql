-- 哪些值被剔除，什么原因？
select indicator_name, exclusion_name, count(*) as units
from marts.v_unit_indicator
where year = $year and is_excluded
group by all
order by units desc, indicator_name, exclusion_name
