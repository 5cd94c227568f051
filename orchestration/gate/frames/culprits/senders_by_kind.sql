-- The senders of documents of the rarer kind: they are the likely mistake.
with document as ({% include "parts/document.sql" %}),

tally as (
    select 2 * count(*) filter (where is_synthetic) > count(*) as is_mostly_synthetic
    from document
)

select
    coalesce(r.short_name, x.province_code) || '（合成' || count(*) filter (where x.is_synthetic)
    || '份，真实' || count(*) filter (where not x.is_synthetic) || '份）' as label
from document as x
cross join tally as t
left join marts.dim_region as r on x.province_code = r.province_code
group by x.province_code, r.short_name, r.display_order
having count(*) filter (where x.is_synthetic <> t.is_mostly_synthetic) > 0
order by
    count(*) filter (where x.is_synthetic <> t.is_mostly_synthetic) desc,
    r.display_order asc,
    x.province_code asc
