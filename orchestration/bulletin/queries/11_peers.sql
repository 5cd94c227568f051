-- 一家单位与同任务同级别单位相比处于什么位置？
select unit.unit_name, indicator.name_zh, fact.value, peer.lower_quartile, peer.median_value,
    peer.upper_quartile, peer.peers
from marts.fct_unit_indicator as fact
join marts.dim_unit as unit using (year, unit_code)
join marts.dim_indicator as indicator on indicator.indicator_code = fact.indicator_code
join marts.agg_peer_quartiles as peer
    on peer.year = fact.year and peer.task_code = fact.task_code
    and peer.level = unit.level and peer.indicator_code = fact.indicator_code
where fact.year = $year and fact.indicator_code = 'C_05'
order by fact.value desc nulls last, fact.unit_code
