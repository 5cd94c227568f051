{#- The id of the lead organisation of a row of int_units: organisations of one province with the same
    name and type are one. Blanks and the case of letters in the name don't count. NULL without a name. -#}
{% macro organisation_id(unit) -%}
    {{ unit }}.province_code || '-' || substring(
        md5(
            coalesce({{ unit }}.lead_organisation_type, '') || '|'
            || lower(replace(replace({{ unit }}.lead_organisation_name, ' ', ''), '　', ''))
        ),
        1,
        12
    )
{%- endmacro %}
