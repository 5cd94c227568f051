select
    f.indicator_code,
    count(distinct f.unit_code) as units_on_time,
    count(*) as submitted,
    count(*) filter (where f.is_excluded) as excluded,
    count(*) filter (where f.is_excluded) / nullif(cast(count(*) as double), 0) as excluded_share
from ({% include "parts/fact.sql" %}) as f
inner join marts.dim_indicator as i on f.indicator_code = i.indicator_code
where i.is_submitted and (f.value is not null or f.is_excluded)
group by f.indicator_code
order by f.indicator_code
