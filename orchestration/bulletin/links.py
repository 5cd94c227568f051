"""Links from figures to their trace pages.

Belongs here: the mapping from a figure id, or a unit, to page and anchor, which bulletins and trace
pages share. Doesn't belong here: the content of trace pages (``orchestration.trace.pages``).
"""

from __future__ import annotations

__all__ = ["NATION", "target_anchor", "trace_target", "unit_anchor", "unit_target"]

#: Anchor of the nation's row on every trace page; a province's anchor is its code.
NATION = "nation"


def target_anchor(level: str, category: str) -> str:
    """Return the anchor of a national target; ``category`` is ``-`` if the target has none."""
    return f"target-{level}" + ("" if category == "-" else f"-{category}")


def unit_anchor(unit_code: str) -> str:
    """Return a unit's anchor on the trace page of its task and province."""
    return unit_code.partition("-")[2]


def unit_target(unit_code: str) -> str:
    """Return the page and anchor of a unit's documents, relative to the edition's root.

    E.g. ``trace/T05/440000.html#440000-0007`` for ``T05-440000-0007``.
    """
    task, province, _ = unit_code.split("-", 2)
    return f"trace/{task}/{province}.html#{unit_anchor(unit_code)}"


def trace_target(figure_id: str) -> str:
    """Return the page and anchor of a figure's trace, relative to the edition's root.

    E.g. ``trace/T05/reporting.html#440000`` for
    ``2024/agg_province_task/440000/T05/on_time_rate``.

    Raises:
        ValueError: no bulletin has such a figure.
    """
    match figure_id.split("/")[1:-1]:
        case ["agg_national_indicator", task, indicator]:
            return f"trace/{task}/{indicator}.html#{NATION}"
        case ["agg_province_indicator", province, task, indicator]:
            return f"trace/{task}/{indicator}.html#{province}"
        case ["agg_national_task", task]:
            return f"trace/{task}/reporting.html#{NATION}"
        case ["agg_province_task", province, task]:
            return f"trace/{task}/reporting.html#{province}"
        case ["agg_national_target", task, level, category]:
            return f"trace/{task}/reporting.html#{target_anchor(level, category)}"
        case ["national_scorecard"]:
            return f"trace/scorecard.html#{NATION}"
        case ["province_scorecard", province]:
            return f"trace/scorecard.html#{province}"
        case ["dim_reporting_year"]:
            return "trace/scorecard.html#documents"
    raise ValueError(f"no bulletin has a figure {figure_id!r}")
