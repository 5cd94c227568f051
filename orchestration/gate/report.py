"""The ``quality/`` folder of an edition: one self-contained Chinese page, and a CSV.

Belongs here: the layout of a decision for readers, and the list of all failing rows as CSV.
Doesn't belong here: judging and arithmetic on figures. The bytes depend only on what was judged,
not on the clock, the run or the snapshot number (which is in the manifest).
"""

from __future__ import annotations

import csv
import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from orchestration.core.page_style import PAGE_STYLE
from orchestration.core.reporting_calendar import moment
from orchestration.gate.decision import LEVELS_ZH, SEVERITY_ZH

if TYPE_CHECKING:
    from orchestration.gate.decision import GateDecision

__all__ = ["quality_files"]

#: The page prints this many failing rows of a check; the CSV has all.
ROWS_PRINTED = 200


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["page_style"] = Markup(PAGE_STYLE)  # noqa: S704
    return environment.get_template("report.html.j2")


def _levels(decision: GateDecision) -> list[dict[str, Any]]:
    levels = []
    for level, name in LEVELS_ZH.items():
        outcomes = [outcome for outcome in decision.outcomes if outcome.level == level]
        failed = [o for o in outcomes if not o.success and not o.is_waived]
        levels.append(
            {
                "id": level,
                "name": name,
                "outcomes": outcomes,
                "passed": sum(o.success for o in outcomes),
                "warned": sum(o.check.severity == "warning" for o in failed),
                "waived": sum(o.is_waived for o in outcomes),
                "blocked": sum(o.check.severity == "critical" for o in failed),
            }
        )
    return levels


def quality_files(decision: GateDecision) -> dict[str, bytes]:
    """Return file name → bytes of the page and of all failing rows as CSV."""
    return {"failing_rows.csv": _failing_rows(decision), "index.html": _page(decision)}


def _page(decision: GateDecision) -> bytes:
    """The page as UTF-8 bytes."""
    html = _template().render(
        decision=decision,
        cutoff=moment(decision.cutoff_at),
        levels=_levels(decision),
        blocking=decision.blocking,
        warnings=decision.warnings,
        waived=decision.waived,
        severity_zh=SEVERITY_ZH,
        rows_printed=ROWS_PRINTED,
    )
    return html.encode()


def _failing_rows(decision: GateDecision) -> bytes:
    """Every failing row as CSV, in UTF-8 with a byte order mark for Excel."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(
        [
            "suite", "expectation", "severity", "province_code", "task_code", "indicator_code",
            "other_key", "place", "observed", "threshold", "note", "culprits", "culprits_total",
            "waived_by",
        ]
    )  # fmt: skip
    named = ("province_code", "task_code", "indicator_code")
    for outcome in decision.outcomes:
        for cause in outcome.causes:
            other = ";".join(v for k, v in cause.key.items() if k not in named and v)
            writer.writerow(
                [
                    outcome.level,
                    outcome.check.name,
                    outcome.check.severity,
                    *(cause.key.get(column, "") for column in named),
                    other,
                    cause.place,
                    cause.value,
                    outcome.threshold,
                    cause.note_zh,
                    "；".join(cause.culprits),
                    cause.culprits_total,
                    outcome.signed_for(cause) or "",
                ]
            )
    return b"\xef\xbb\xbf" + text.getvalue().encode()
