"""What submitted data must be like before it is published: suites at three levels.

``submissions`` judges the submitted facts, ``provincial`` the provinces' figures, ``national``
the nation's. Each module is the one place of its suite's thresholds: a threshold stands in the
line of its check, with the reason for just that value and the severity ("critical" blocks,
"warning" is printed with the bulletin). Changing a threshold is changing that line.

Doesn't belong here: how the judged columns are computed (``orchestration.gate.frames``), rules
about one unit's document (the seeds), and tests of the models (dbt).

Importing a suite imports Great Expectations, which costs seconds of CPU: import it late.
"""
