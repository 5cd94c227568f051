{#- Exact arithmetic: all divisions are made here.

    Division and averages of decimals give doubles in DuckDB and other types elsewhere. So both
    operands are converted to whole millionths, and the quotient is rounded once, half up (away from
    zero): (2·N·10^6 + D) div (2·D), with the sign restored.

    Headroom: 2 · factor · 10^12 · |numerator| must stay below 1.7e38. With factor 100 that is a
    numerator of 8.5e23, far above 48,000 units x 1e12 (the largest value that counts). -#}

{#- A whole number, or a decimal with at most six places, in millionths. -#}
{% macro millionths(number) -%}
    {{ return(
        'cast((' ~ number ~ ') * cast(1000000 as decimal(7, 0)) as ' ~ type_wide_integer() ~ ')'
    ) }}
{%- endmacro %}

{#- factor x numerator / denominator as decimal(precision, 6), rounded half up (away from zero).
    NULL if an operand is NULL, the denominator is 0, or the quotient does not fit.
    Operands: SQL expressions of whole numbers, or of decimals with at most six places. -#}
{% macro exact_ratio(numerator, denominator, precision=18, factor='1') -%}
    {%- set n = millionths(numerator) -%}
    {%- set d = millionths(denominator) -%}
    {{ return(rounded_quotient(n ~ ' * (' ~ factor ~ ')', d, precision)) }}
{%- endmacro %}

{#- n / d as decimal(precision, 6), rounded half up, for wide integers n and d where
    n / d x 10^shift is the result in millionths: shift is 6 for operands of the same scale. -#}
{% macro rounded_quotient(n, d, precision=18, shift=6) -%}
    {%- set quotient = integer_quotient(
        '2' ~ '0' * shift ~ ' * abs(' ~ n ~ ') + abs(' ~ d ~ ')', '2 * abs(' ~ d ~ ')'
    ) -%}
    {{ return(
        'case when (' ~ d ~ ') <> 0 then try_cast(try_cast('
        ~ 'case when ((' ~ n ~ ') < 0) = ((' ~ d ~ ') < 0) then 1 else -1 end * ' ~ quotient
        ~ ' as decimal(31, 0)) * cast(0.000001 as decimal(7, 6)) as decimal(' ~ precision ~ ', 6)) end'
    ) }}
{%- endmacro %}
