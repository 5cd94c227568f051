{#- Sums of funding over units for which both amounts of a share count. -#}
with amounts as (
    select
        fact.province_code,
        fact.unit_code,
        max(case when role.role = 'received' then fact.value end) as received,
        max(case when role.role = 'from_enterprises' then fact.value end) as from_enterprises
    from {{ ref('fct_unit_indicator') }} as fact
    inner join {{ ref('indicator_roles') }} as role on fact.indicator_code = role.indicator_code
    where role.role in ('received', 'from_enterprises')
    group by fact.province_code, fact.unit_code
)

select
    province_code,
    cast(sum(from_enterprises) as decimal(38, 6)) as from_enterprises,
    cast(sum(received) as decimal(38, 6)) as received
from amounts
where received is not null and from_enterprises is not null
group by province_code
