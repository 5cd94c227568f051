with registrations as (
    select
        registration.unit_code,
        registration.unit_name,
        registration.task_code,
        registration.province_code,
        registration.city_name,
        registration.level as registered_level,
        registration.category,
        registration.lead_organisation_name,
        registration.lead_organisation_type
    from {{ ref('stg_registrations') }} as registration
    inner join {{ ref('int_documents') }} as document
        on registration.document_key = document.document_key
    where document.document_type = 'registration' and document.is_effective
),

approvals as (
    select
        review.unit_code,
        bool_or(review.stage = 'provincial_recommendation') as is_recommended,
        bool_or(review.stage = 'national_recognition') as is_recognised,
        bool_or(review.stage = 'warning') as is_warned,
        bool_or(review.stage = 'removal') as is_removed
    from {{ ref('stg_reviews') }} as review
    inner join {{ ref('int_documents') }} as document
        on review.document_key = document.document_key
    where
        document.document_type = 'review'
        and document.is_effective
        and review.decision = 'approved'
    group by review.unit_code
),

synthetic_units as (
    select
        unit_code,
        bool_or(is_synthetic) as is_synthetic
    from {{ ref('int_documents') }}
    where unit_code is not null
    group by unit_code
)

select
    unit.unit_code,
    unit.unit_name,
    unit.task_code,
    unit.province_code,
    unit.city_name,
    case when coalesce(approval.is_recognised, false) then 'national' else unit.registered_level end
        as level,
    unit.category,
    case
        when coalesce(approval.is_removed, false) then 'removed'
        when coalesce(approval.is_warned, false) then 'warned'
        when coalesce(approval.is_recognised, false) then 'recognised'
        when coalesce(approval.is_recommended, false) then 'recommended'
        else 'registered'
    end as status,
    coalesce(approval.is_recommended, false) and not coalesce(approval.is_removed, false)
        as is_expected,
    unit.lead_organisation_name,
    unit.lead_organisation_type,
    coalesce(synthetic_units.is_synthetic, false) as is_synthetic
from registrations as unit
left join approvals as approval on unit.unit_code = approval.unit_code
left join synthetic_units on unit.unit_code = synthetic_units.unit_code
