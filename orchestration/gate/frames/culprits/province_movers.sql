{% from "macros.j2" import movers %}
{{ movers(["province_code", "task_code", "indicator_code"], "abs(f.value - coalesce(p.value, 0))") }}
