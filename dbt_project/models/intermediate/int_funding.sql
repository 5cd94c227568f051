{#- Sums of funding over units for which both amounts of a share count. -#}
with amounts as (
    select
        province_code,
        unit_code,
        max(case when indicator_code = 'C_05' then value end) as received,
        max(case when indicator_code = 'C_07' then value end) as from_enterprises
    from {{ ref('fct_unit_indicator') }}
    where indicator_code in ('C_05', 'C_07')
    group by province_code, unit_code
)

select
    province_code,
    cast(sum(from_enterprises) as decimal(38, 6)) as from_enterprises,
    cast(sum(received) as decimal(38, 6)) as received
from amounts
where received is not null and from_enterprises is not null
group by province_code
