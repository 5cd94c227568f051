-- 各省份应报、已报、按时报送多少家，哪些省份最低？
select region.province_name, score.units_expected, score.units_reported, score.units_on_time,
    score.on_time_rate, score.on_time_rate_rank
from marts.province_scorecard as score
join marts.dim_region as region using (province_code)
where score.year = $year
order by score.on_time_rate nulls last, score.province_code
