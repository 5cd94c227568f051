{% from "macros.j2" import tally %}
with unit as (
    {% include "parts/unit.sql" %}
),

tally as (
    {{ tally(["province_code"]) }}
),

warned as (
    select
        u.province_code,
        count(*) filter (where not w.is_explained) as units_warned,
        count(*) filter (where w.is_explained) as units_explained
    from ({% include "parts/warned_unit.sql" %}) as w
    inner join unit as u on w.unit_code = u.unit_code
    group by u.province_code
),

returned as (
    select
        province_code,
        count(*) filter (where state = 'pending') as pending,
        count(*) filter (where state = 'answered') as answered
    from (
        -- A document may be returned twice, by the province and the ministry.
        select distinct
            province_code,
            document_type,
            document_id,
            state
        from quality.returned_documents
        where year = {{ year }}
    ) as documents
    group by province_code
),

confirmed as (
    select
        province_code,
        count(*) filter (where state = 'confirmed') as tasks_confirmed,
        count(*) filter (where state = 'changed') as tasks_changed,
        count(*) filter (where state <> 'confirmed') as tasks_unconfirmed
    from quality.confirmations
    where year = {{ year }}
    group by province_code
)

select
    r.province_code,
    coalesce(n.units_expected, 0) as units_expected,
    coalesce(n.units_on_time, 0) as units_on_time,
    coalesce(n.units_assessed, 0) as units_assessed,
    n.units_on_time / cast(nullif(n.units_expected, 0) as double) as on_time_rate,
    n.units_assessed / cast(nullif(n.units_expected, 0) as double) as assessed_rate,
    coalesce(w.units_warned, 0) as units_warned,
    coalesce(w.units_explained, 0) as units_explained,
    coalesce(w.units_warned, 0) / cast(nullif(n.units_on_time, 0) as double) as warned_share,
    coalesce(b.pending, 0) as documents_returned,
    coalesce(b.answered, 0) as documents_answered,
    coalesce(c.tasks_confirmed, 0) as tasks_confirmed,
    coalesce(c.tasks_changed, 0) as tasks_changed,
    coalesce(c.tasks_unconfirmed, 0) as tasks_unconfirmed
from marts.dim_region as r
left join tally as n on r.province_code = n.province_code
left join warned as w on r.province_code = w.province_code
left join returned as b on r.province_code = b.province_code
left join confirmed as c on r.province_code = c.province_code
order by r.display_order
