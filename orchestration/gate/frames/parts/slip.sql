-- Values that are 5,000 to 20,000 times the unit's value of last year, or that fraction of it. The
-- rules of the category unit_scale in the seeds have the same limits.
select
    f.unit_code,
    f.province_code,
    f.task_code,
    f.indicator_code,
    f.value,
    p.value as previous_value
from marts.fct_unit_indicator as f
inner join marts.fct_unit_indicator as p
    on p.year = {{ year }} - 1 and f.unit_code = p.unit_code and f.indicator_code = p.indicator_code
inner join marts.dim_indicator as i on f.indicator_code = i.indicator_code
where
    f.year = {{ year }} and i.value_type = 'amount' and f.value > 0 and p.value > 0
    and (
        f.value between 5000 * p.value and 20000 * p.value
        or p.value between 5000 * f.value and 20000 * f.value
    )
