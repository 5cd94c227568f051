-- Units that reported on time, with each rule of the catalogue that they violate.
select distinct
    e.unit_code,
    e.code,
    u.task_code,
    u.province_code,
    e.explained_by is not null as is_explained
from quality.submission_errors as e
inner join marts.fct_unit_year as u on u.year = {{ year }} and e.unit_code = u.unit_code and u.is_on_time
where e.year = {{ year }} and e.severity = 'warning' and e.code not similar to '[EW][0-9].*'
