select
    kind.contradiction,
    count(c.contradiction) as found
from (
    values
    {% for each in contradictions %}
        ('{{ each }}'){{ "," if not loop.last }}
    {% endfor %}
) as kind (contradiction)
left join quality.contradictions as c
    on kind.contradiction = c.contradiction and c.year = {{ year }}
group by kind.contradiction
order by kind.contradiction
