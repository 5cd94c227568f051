{#- The identity of a document in the build: no sender can use the id of another's document, because
    the province of the prefix is part of it (contract, section 1). -#}
{% macro document_key(document_type, relation='') -%}
    concat_ws('/', {{ document_type }}, {{ relation }}province_code, {{ relation }}document_id)
{%- endmacro %}
