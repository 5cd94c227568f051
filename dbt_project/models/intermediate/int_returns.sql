{#- Matches each return with the document that it returns (contract §1, "return"). A return names a
    document of its unit that came under the prefix of the unit's province. It is withdrawn by a
    document of the same sender. Returns and withdrawals count until the same moment as documents:
    a unit whose document is returned after the cut-off could not send a newer one in time. -#}
with returns as (
    select
        received.document_key,
        received.document_id,
        received.year,
        received.province_code as returned_by,
        received.unit_code,
        split_part(received.unit_code, '-', 2) as unit_province,
        received.sent_at,
        content.returns_document_id,
        content.withdraws_document_id,
        content.reason,
        content.due_on,
        received.judged_at < period.counts_until as is_in_time
    from {{ ref('stg_returns') }} as content
    inner join {{ ref('stg_documents') }} as received
        on content.document_key = received.document_key
    cross join {{ ref('stg_reporting_period') }} as period
),

withdrawals as (
    select
        withdrawn.document_key,
        min(withdrawal.sent_at) as withdrawn_at
    from returns as withdrawal
    inner join returns as withdrawn
        on
            withdrawal.withdraws_document_id = withdrawn.document_id
            and withdrawal.returned_by = withdrawn.returned_by
            and withdrawal.unit_code = withdrawn.unit_code
            and withdrawal.document_key <> withdrawn.document_key
    where withdrawal.is_in_time
    group by withdrawn.document_key
),

matched as (
    select
        returns.*,
        withdrawals.withdrawn_at,
        target.document_key as target_key,
        returns.is_in_time and withdrawals.document_key is null as is_in_force
    from returns
    left join withdrawals on returns.document_key = withdrawals.document_key
    left join {{ ref('stg_documents') }} as target
        on
            returns.returns_document_id = target.document_id
            and returns.unit_province = target.province_code
            and returns.unit_code = target.unit_code
            and target.document_type <> 'return'
)

select
    matched.*,
    target_key is not null
    and is_in_force
    and row_number() over (
        partition by target_key, is_in_force order by sent_at asc, document_key asc
    ) > 1 as is_repeated
from matched
