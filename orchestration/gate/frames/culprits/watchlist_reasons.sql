select
    case x.reason
        when 'not_reported' then '未报送'
        when 'targets_missed_two_years' then '连续两年未达目标'
        when 'assessment_failed' then '考核不合格'
        when 'warned' then '已预警'
        else x.reason
    end || ' ' || count(distinct x.unit_code) as label
from marts.unit_watchlist as x
inner join marts.fct_unit_year as u on x.year = u.year and x.unit_code = u.unit_code
where x.year = {{ year }}
group by x.reason
order by count(distinct x.unit_code) desc, x.reason
