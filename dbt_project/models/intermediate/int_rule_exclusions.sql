with named_codes as (
    select
        rule_id,
        {{ split_to_rows('indicator_codes', ';') }} as indicator_code
    from {{ ref('rules') }}
    where severity = 'blocking'
)

select
    finding.document_key,
    finding.unit_code,
    trim(named_codes.indicator_code) as indicator_code,
    min(finding.rule_id) as rule_id
from {{ ref('int_rule_findings') }} as finding
inner join named_codes on finding.rule_id = named_codes.rule_id
group by finding.document_key, finding.unit_code, trim(named_codes.indicator_code)
