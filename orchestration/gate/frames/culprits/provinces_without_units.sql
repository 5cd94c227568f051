select r.short_name as label
from marts.dim_region as r
where
    r.province_code not in (
        select u.province_code from marts.fct_unit_year as u
        where u.year = {{ year }}
    )
order by r.display_order
