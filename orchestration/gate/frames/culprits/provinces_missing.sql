select r.short_name as label
from marts.dim_region as r
where
    r.province_code not in (
        select a.province_code from marts.agg_province_task as a
        where a.year = {{ year }}
    )
order by r.display_order
