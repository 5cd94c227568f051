select code || '×' || count(*) as label
from quality.submission_errors
where year = {{ year }} and severity = 'error' and code similar to 'E[01][0-9]{2}'
group by code
order by count(*) desc, code
