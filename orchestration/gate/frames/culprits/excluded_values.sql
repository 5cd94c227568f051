select
    x.province_code,
    x.task_code,
    x.indicator_code || ' ' || i.name_zh || '（' || x.exclusion_code || '）×' || count(*) as label
from ({% include "parts/fact.sql" %}) as x
inner join marts.dim_indicator as i on x.indicator_code = i.indicator_code
where x.is_excluded and i.is_submitted
group by x.province_code, x.task_code, x.indicator_code, i.name_zh, x.exclusion_code
order by count(*) desc, x.indicator_code, x.exclusion_code asc, x.province_code asc, x.task_code asc
