{#- The statistical screening: values and documents that a reviewer should check. All findings are
    warnings; none excludes a value. -#}
{%- set names = [
    'least_peers', 'slip_low', 'slip_high', 'fraction_highest', 'fraction_reference', 'outlier_factor',
    'jump_factor', 'jump_least', 'jump_peers_factor', 'identical_least', 'round_least', 'round_from'
] -%}
{%- set columns = [] -%}
{%- for name in names -%}
    {%- do columns.append("max(case when name = '" ~ name ~ "' then value end) as " ~ name) -%}
{%- endfor -%}
with thresholds as (
    select
        {{ columns | join(',\n        ') }}
    from {{ ref('suspicion_thresholds') }}
),

-- Documents for which a rule already reports that 元 and 万元 are mixed up.
told_by_rules as (
    select
        finding.document_key,
        rule.indicator_codes as indicator_code
    from {{ ref('int_rule_findings') }} as finding
    inner join {{ ref('rules') }} as rule on finding.rule_id = rule.rule_id
    where rule.category = 'unit_scale'
),

screened as (
    select
        peer.document_key,
        peer.indicator_code,
        case
            when
                peer.value_type = 'amount'
                and peer.peers >= thresholds.least_peers
                and (
                    (
                        peer.value >= thresholds.slip_low * peer.median_value
                        and peer.value <= thresholds.slip_high * peer.median_value
                    )
                    or (
                        peer.median_value >= thresholds.slip_low * peer.value
                        and peer.median_value <= thresholds.slip_high * peer.value
                    )
                )
                then 'S401'
            when
                peer.value_type = 'percent'
                and peer.value <= thresholds.fraction_highest
                and (
                    (
                        peer.peers >= thresholds.least_peers
                        and peer.median_value >= thresholds.fraction_reference
                    )
                    or peer.previous_value >= thresholds.fraction_reference
                )
                then 'S402'
            when
                peer.peers >= thresholds.least_peers
                and (
                    peer.value > thresholds.outlier_factor * peer.upper_quartile
                    or thresholds.outlier_factor * peer.value < peer.lower_quartile
                )
                then 'S403'
            when
                peer.previous_value > 0
                and (
                    peer.value >= thresholds.jump_factor * peer.previous_value
                    or peer.previous_value >= thresholds.jump_factor * peer.value
                )
                and (peer.value >= thresholds.jump_least or peer.previous_value >= thresholds.jump_least)
                and peer.peers >= thresholds.least_peers
                and peer.both_years_now <= thresholds.jump_peers_factor * peer.both_years_before
                and peer.both_years_before <= thresholds.jump_peers_factor * peer.both_years_now
                then 'S404'
        end as code,
        peer.previous_value,
        peer.peers,
        peer.lower_quartile,
        peer.median_value,
        peer.upper_quartile
    from {{ ref('int_peer_values') }} as peer
    cross join thresholds
),

value_suspicions as (
    select
        screened.document_key,
        screened.indicator_code,
        screened.code,
        case
            when screened.code = 'S404'
                then concat_ws('', '上年', {{ plain_number('screened.previous_value') }})
            when screened.code = 'S402' and screened.previous_value is not null
                then concat_ws(
                    '',
                    '上年', {{ plain_number('screened.previous_value') }}, '，同类中位数',
                    {{ plain_number('screened.median_value') }}
                )
            when screened.code = 'S403'
                then concat_ws(
                    '',
                    '同类', cast(screened.peers as {{ type_text() }}), '个单位，四分位数',
                    {{ plain_number('screened.lower_quartile') }}, '至',
                    {{ plain_number('screened.upper_quartile') }}
                )
            else concat_ws(
                '',
                '同类', cast(screened.peers as {{ type_text() }}), '个单位，中位数',
                {{ plain_number('screened.median_value') }}
            )
        end as evidence
    from screened
    left join told_by_rules
        on
            screened.document_key = told_by_rules.document_key
            and screened.indicator_code = told_by_rules.indicator_code
    where screened.code is not null and told_by_rules.document_key is null
),

fingerprints as (
    select
        peer.unit_code,
        peer.document_key,
        peer.task_code,
        {{ set_digest("concat_ws('=', peer.indicator_code, " ~ plain_number('peer.value') ~ ")") }}
            as fingerprint,
        count(*) filter (where peer.value > 1) as telling_values
    from {{ ref('int_peer_values') }} as peer
    group by peer.unit_code, peer.document_key, peer.task_code
),

identical_sets as (
    select
        fingerprints.task_code,
        fingerprints.fingerprint,
        min(fingerprints.unit_code) as first_unit,
        max(fingerprints.unit_code) as last_unit
    from fingerprints
    cross join thresholds
    where fingerprints.telling_values >= thresholds.identical_least
    group by fingerprints.task_code, fingerprints.fingerprint
    having count(*) > 1
),

reports as (
    select
        performance.unit_code,
        performance.document_key,
        lower(performance.report_sha256) as report_sha256
    from {{ ref('stg_performances') }} as performance
    inner join {{ ref('int_documents') }} as document
        on performance.document_key = document.document_key
    where document.is_effective and performance.report_sha256 is not null
),

shared_reports as (
    select
        report_sha256,
        min(unit_code) as first_unit,
        max(unit_code) as last_unit
    from reports
    group by report_sha256
    having min(unit_code) <> max(unit_code)
),

twins as (
    select
        fingerprints.document_key,
        fingerprints.unit_code,
        'S405' as code,
        case
            when fingerprints.unit_code = identical_sets.first_unit then identical_sets.last_unit
            else identical_sets.first_unit
        end as other_unit
    from fingerprints
    inner join identical_sets
        on
            fingerprints.task_code = identical_sets.task_code
            and fingerprints.fingerprint = identical_sets.fingerprint

    union all

    select
        reports.document_key,
        reports.unit_code,
        'S406' as code,
        case
            when reports.unit_code = shared_reports.first_unit then shared_reports.last_unit
            else shared_reports.first_unit
        end as other_unit
    from reports
    inner join shared_reports on reports.report_sha256 = shared_reports.report_sha256
),

round_values as (
    select
        peer.document_key,
        count(*) as large_values,
        count(*) filter (where peer.value % 100 = 0) as full_hundreds
    from {{ ref('int_peer_values') }} as peer
    cross join thresholds
    where peer.value >= thresholds.round_from
    group by peer.document_key
)

select
    document_key,
    indicator_code,
    code,
    evidence
from value_suspicions

union all

select
    twin.document_key,
    cast(null as {{ type_text() }}) as indicator_code,
    twin.code,
    -- A sender learns no more of another province than its name.
    case
        when split_part(twin.unit_code, '-', 2) = split_part(twin.other_unit, '-', 2) then twin.other_unit
        else region.province_name
    end as evidence
from twins as twin
inner join {{ ref('regions') }} as region on split_part(twin.other_unit, '-', 2) = region.province_code

union all

select
    round_values.document_key,
    cast(null as {{ type_text() }}) as indicator_code,
    'S407' as code,
    concat_ws('', cast(round_values.large_values as {{ type_text() }}), '个') as evidence
from round_values
cross join thresholds
where
    round_values.large_values >= thresholds.round_least
    and round_values.full_hundreds = round_values.large_values
