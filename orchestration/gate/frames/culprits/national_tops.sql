{% from "macros.j2" import movers %}
{{ movers(["task_code", "indicator_code"], "f.value") }}
