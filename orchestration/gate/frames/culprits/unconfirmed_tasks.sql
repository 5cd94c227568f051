select
    x.province_code,
    t.task_code || ' ' || t.task_name || case x.state
        when 'changed' then '（确认后有变动）'
        when 'unmatched' then '（确认码不符）'
        else ''
    end as label
from quality.confirmations as x
inner join marts.dim_task as t on x.task_code = t.task_code
where x.year = {{ year }} and x.state <> 'confirmed'
order by x.province_code, x.task_code
