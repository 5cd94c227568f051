-- The report file that each unit names, and whether it is missing or damaged.
with unsound as (
    select distinct
        province_code,
        document_id
    from quality.submission_errors
    where year = {{ year }} and code similar to 'E4[0-9]{2}'
)

select
    u.unit_code,
    u.province_code,
    bad.document_id is not null as is_unsound
from marts.fct_unit_year as u
left join unsound as bad
    on u.province_code = bad.province_code and u.document_id = bad.document_id
where u.year = {{ year }} and u.has_report_file
