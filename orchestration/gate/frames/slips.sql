with slipped as (
    select
        indicator_code,
        count(*) as units,
        cast(sum(abs(value - previous_value)) as double) as distance
    from ({% include "parts/slip.sql" %})
    group by indicator_code
)

select
    f.indicator_code,
    coalesce(s.units, 0) as slip_units,
    coalesce(s.distance / nullif(cast(sum(f.value) as double), 0), 0) as slip_share
from ({% include "parts/fact.sql" %}) as f
inner join marts.dim_indicator as i on f.indicator_code = i.indicator_code
left join slipped as s on f.indicator_code = s.indicator_code
where i.value_type = 'amount' and f.value is not null
group by f.indicator_code, s.units, s.distance
order by f.indicator_code
