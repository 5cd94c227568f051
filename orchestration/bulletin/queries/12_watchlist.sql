-- 哪些单位列入动态管理关注名单，为什么？
select watched.unit_name, region.province_name, reason.name_zh as reason, watched.evidence
from marts.unit_watchlist as watched
join marts.dim_region as region using (province_code)
join marts.dim_code as reason
    on reason.column_name = 'reason' and reason.code = watched.reason
where watched.year = $year
order by watched.province_code, watched.unit_code, watched.reason
