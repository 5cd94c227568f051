select
    figures.year,
    figures.province_code,
    figures.task_code,
    case
        when confirmation.document_key is null then 'unconfirmed'
        when not confirmation.is_known then 'unmatched'
        when confirmation.is_unchanged then 'confirmed'
        else 'changed'
    end as state,
    confirmation.document_id,
    confirmation.signed_on,
    confirmation.sent_at as confirmed_at
from {{ ref('province_figures') }} as figures
left join {{ ref('int_confirmations') }} as confirmation
    on
        figures.province_code = confirmation.province_code
        and figures.task_code = confirmation.task_code
        and confirmation.is_last
