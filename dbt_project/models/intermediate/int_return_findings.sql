with returns as (
    select
        returned.*,
        document.province_code
    from {{ ref('int_returns') }} as returned
    inner join {{ ref('int_documents') }} as document
        on returned.document_key = document.document_key
    where document.is_of_year
),

-- Whose document has the id that a return names, if not the unit's.
named_elsewhere as (
    select distinct returns.document_key
    from returns
    inner join {{ ref('int_documents') }} as other
        on returns.returns_document_id = other.document_id
    where returns.target_key is null and other.document_type <> 'return'
),

withdrawals as (
    select
        returns.document_key,
        returns.withdraws_document_id,
        max(
            case
                when
                    withdrawn.returned_by = returns.returned_by
                    and withdrawn.unit_code = returns.unit_code
                    then 2
                when withdrawn.document_key is not null then 1
                else 0
            end
        ) as found
    from returns
    left join {{ ref('int_returns') }} as withdrawn
        on
            returns.withdraws_document_id = withdrawn.document_id
            and returns.document_key <> withdrawn.document_key
    where returns.withdraws_document_id is not null
    group by returns.document_key, returns.withdraws_document_id
)

select
    document_key,
    'W309' as code,
    coalesce(returns_document_id, withdraws_document_id) as value,
    cast(null as {{ type_text() }}) as evidence
from returns
where not is_in_time

union all

select
    returns.document_key,
    case when elsewhere.document_key is null then 'E118' else 'E119' end as code,
    returns.returns_document_id as value,
    cast(null as {{ type_text() }}) as evidence
from returns
left join named_elsewhere as elsewhere on returns.document_key = elsewhere.document_key
where returns.returns_document_id is not null and returns.target_key is null

union all

select
    document_key,
    'W310' as code,
    returns_document_id as value,
    cast(null as {{ type_text() }}) as evidence
from returns
where is_repeated

union all

select
    document_key,
    case when found = 0 then 'E120' else 'E121' end as code,
    withdraws_document_id as value,
    cast(null as {{ type_text() }}) as evidence
from withdrawals
where found < 2

union all

-- The returned document itself, until a newer one stands in its place.
select
    {{ document_key('returned.document_type', 'returned.') }} as document_key,
    'E063' as code,
    returned.reason as value,
    case
        when min(returned.due_on) is null then ''
        else concat_ws('', '，修改期限', cast(min(returned.due_on) as {{ type_text() }}))
    end as evidence
from {{ ref('returned_documents') }} as returned
inner join {{ ref('int_documents') }} as document
    on {{ document_key('returned.document_type', 'returned.') }} = document.document_key
where returned.state = 'pending' and document.is_of_year
group by
    returned.document_type, returned.province_code, returned.document_id, returned.reason
