{#- Chooses the units whose data is to be verified, by task: first those with most doubtful values,
    then the largest of the others, the rest by lot. The lot is a digest of seed, year and unit, so
    that everybody draws the same units. A part of a unit is a whole one (rank - 1 < number). -#}
with findings as (
    select
        unit_code,
        count(*) as findings
    from {{ ref('int_findings') }}
    -- A value that is missing is no doubtful one.
    where
        explained_by is null
        and (code like 'S%' or (indicator_code is not null and value is not null))
    group by unit_code
),

funding as (
    select
        fact.unit_code,
        fact.value as amount
    from {{ ref('fct_unit_indicator') }} as fact
    inner join {{ ref('indicator_roles') }} as role on fact.indicator_code = role.indicator_code
    where role.role = 'received'
),

units as (
    select *
    from {{ ref('fct_unit_year') }}
    where document_id is not null
),

-- The row of each task: its own, or that of all tasks.
sampling as (
    select *
    from (
        select
            task.task_code,
            rule.share,
            rule.least_units,
            rule.doubtful_share,
            rule.large_share,
            rule.seed,
            row_number() over (partition by task.task_code order by rule.task_code asc nulls last) as place
        from (select distinct task_code from units) as task
        inner join
            {{ ref('verification_sampling') }} as rule
            on rule.task_code is null or task.task_code = rule.task_code
    ) as rules
    where place = 1
),

-- Units of which values count, with the size of their task's sample.
pool as (
    select
        unit.year,
        unit.unit_code,
        unit.task_code,
        unit.province_code,
        coalesce(findings.findings, 0) as findings,
        funding.amount,
        sampling.seed,
        md5(
            concat_ws(
                '|',
                cast(sampling.seed as {{ type_text() }}),
                cast(unit.year as {{ type_text() }}),
                unit.unit_code
            )
        )
            as lot,
        cast(sampling.least_units as decimal(18, 6)) as least_units,
        cast(sampling.share * count(*) over (partition by unit.task_code) as decimal(18, 6)) as share_units,
        sampling.doubtful_share,
        sampling.large_share
    from units as unit
    inner join sampling on unit.task_code = sampling.task_code
    left join findings on unit.unit_code = findings.unit_code
    left join funding on unit.unit_code = funding.unit_code
),

sized as (
    select
        *,
        case when share_units > least_units then share_units else least_units end as wanted
    from pool
),

by_doubt as (
    select
        *,
        findings > 0
        and row_number() over (partition by task_code order by findings desc, lot asc) - 1
        < wanted * doubtful_share as is_doubtful
    from sized
),

by_size as (
    select
        *,
        not is_doubtful
        and amount is not null
        and row_number() over (
            partition by task_code, is_doubtful order by amount desc nulls last, lot asc
        ) - 1 < wanted * large_share as is_large
    from by_doubt
),

in_order as (
    select
        *,
        case when is_doubtful then 1 when is_large then 2 else 3 end as stratum,
        row_number() over (
            partition by task_code
            order by
                is_doubtful desc,
                is_large desc,
                case when is_doubtful then findings end desc,
                case when is_large then amount end desc,
                lot asc
        ) as sample_order
    from by_size
),

verified as (
    select distinct content.unit_code
    from {{ ref('stg_verifications') }} as content
    inner join {{ ref('int_documents') }} as document
        on content.document_key = document.document_key
    where document.is_effective and document.is_of_year
)

select
    drawn.year,
    drawn.unit_code,
    drawn.task_code,
    drawn.province_code,
    cast(drawn.sample_order as integer) as sample_order,
    case drawn.stratum when 1 then 'doubtful' when 2 then 'large' else 'drawn' end as sample_reason,
    case drawn.stratum
        when 1
            then concat_ws('', '填报值有', cast(drawn.findings as {{ type_text() }}), '项未说明的错误或者提示')
        when 2 then concat_ws('', '到位经费', {{ plain_number('drawn.amount') }}, '万元')
        else concat_ws('', '随机抽取，种子', cast(drawn.seed as {{ type_text() }}))
    end as evidence,
    drawn.seed,
    verified.unit_code is not null as is_verified
from in_order as drawn
left join verified on drawn.unit_code = verified.unit_code
where drawn.sample_order - 1 < drawn.wanted
