{#- Of the confirmations that cover a task, the last one counts. Its digest must be one that the
    province had been given by the day of the signature. -#}
with sent as (
    select
        content.document_key,
        received.document_id,
        content.province_code,
        content.task_code,
        content.signed_on,
        lower(content.document_digest) as document_digest,
        received.sent_at
    from {{ ref('stg_confirmations') }} as content
    inner join {{ ref('stg_documents') }} as received
        on content.document_key = received.document_key
),

given as (
    select
        sent.document_key,
        signable.task_code,
        signable.figures_digest
    from sent
    inner join {{ source('control', 'signable_digests') }} as signable
        on
            sent.province_code = signable.province_code
            and sent.document_digest = signable.document_digest
            and sent.signed_on >= signable.day
),

known as (
    select distinct document_key
    from given
)

select
    sent.document_key,
    sent.document_id,
    sent.province_code,
    figures.task_code,
    sent.signed_on,
    sent.document_digest,
    sent.sent_at,
    known.document_key is not null as is_known,
    bool_or(coalesce(given.figures_digest = figures.figures_digest, false)) as is_unchanged,
    row_number() over (
        partition by figures.province_code, figures.task_code
        order by sent.sent_at desc, sent.document_id desc
    ) = 1 as is_last
from sent
inner join {{ ref('province_figures') }} as figures
    on
        sent.province_code = figures.province_code
        and (sent.task_code is null or sent.task_code = figures.task_code)
left join known on sent.document_key = known.document_key
left join given
    on sent.document_key = given.document_key and figures.task_code = given.task_code
group by
    sent.document_key,
    sent.document_id,
    sent.province_code,
    figures.province_code,
    figures.task_code,
    sent.signed_on,
    sent.document_digest,
    sent.sent_at,
    known.document_key
