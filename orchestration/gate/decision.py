"""The gate's decision: outcomes, findings in two languages, rows of ``quality.gate_results``.

Belongs here: the decision as data, and its wording. Doesn't belong here: judging (``judging``),
thresholds (``expectations``) and the page (``report``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from orchestration.core.errors import TongbaoError

if TYPE_CHECKING:
    from expectations.checks import Check, Shown
    from orchestration.gate.waivers import Waiver

__all__ = [
    "LEVELS_ZH",
    "SEVERITY_ZH",
    "Cause",
    "Finding",
    "GateBroken",
    "GateDecision",
    "Outcome",
    "shown_value",
    "threshold",
]

#: A finding names at most this many causes; the quality report has all.
CAUSES_NAMED = 10
#: The ``detail`` of a results row has at most this many keys, and their total number.
KEYS_KEPT = 200

LEVELS_ZH = {"submissions": "填报数据", "provincial": "省级汇总", "national": "全国汇总"}
SEVERITY_ZH = {"critical": "关键", "warning": "提示"}


class GateBroken(TongbaoError):
    """A check could not be carried out; this is an error of the gate, not of the data."""


@dataclass(frozen=True)
class Cause:
    """One failing row of a check.

    Attributes:
        key: the row's key, e.g. ``{"province_code": "440000", "task_code": "T05"}``.
        place: its name in Chinese, e.g. ``广东·T05 职业教育信息化标杆学校``.
        value: the judged value as text, e.g. ``41.67%``.
        note_zh, note_en: the counts behind the value.
        culprits: names of units (or provinces, codes) that cause it, most important first; some
            of them if there are many.
        culprits_total: how many there are in all.
        counted_zh: what the value counts with its measure word, if it is a count.
    """

    key: Mapping[str, str]
    place: str
    value: str
    note_zh: str = ""
    note_en: str = ""
    culprits: tuple[str, ...] = ()
    culprits_total: int = 0
    counted_zh: str = ""

    @property
    def value_zh(self) -> str:
        """The judged value in Chinese."""
        return _value_zh(self.value, self.counted_zh)

    def text_zh(self, named: int = 5) -> str:
        """The cause in one Chinese line, naming at most ``named`` culprits."""
        text = f"{self.place}：{self.value_zh}"
        if self.note_zh:
            text += f"（{self.note_zh}）"
        if self.culprits:
            more = self.culprits_total - len(self.culprits[:named])
            text += (
                "："
                + "、".join(self.culprits[:named])
                + (f"等{self.culprits_total:,}个" if more else "")
            )
        return text

    def text_en(self, named: int = 5) -> str:
        """The cause in one English line (with Chinese names), with at most ``named`` culprits."""
        text = f"{self.place}: {self.value}"
        if self.note_en:
            text += f" ({self.note_en})"
        if self.culprits:
            more = self.culprits_total - len(self.culprits[:named])
            text += ": " + ", ".join(self.culprits[:named]) + (f" and {more} more" if more else "")
        return text


@dataclass(frozen=True)
class Outcome:
    """The result of one check.

    Attributes:
        level: the suite: ``submissions``, ``provincial`` or ``national``.
        check: the check with its threshold and reason.
        success: whether no row fails.
        observed: the worst judged value, as text.
        evaluated: how many rows were judged; 0 if there was nothing to judge.
        causes: every failing row, the worst first.
        waivers: the valid waivers of this check, whether or not they cover a failing row.
        expired: the expired waivers of this check.
    """

    level: str
    check: Check
    success: bool
    observed: str
    evaluated: int
    causes: tuple[Cause, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    expired: tuple[Waiver, ...] = ()

    @cached_property
    def uncovered(self) -> tuple[Cause, ...]:
        """The failing rows that no valid waiver covers."""
        return tuple(
            cause
            for cause in self.causes
            if not any(waiver.covers(cause.key) for waiver in self.waivers)
        )

    @cached_property
    def covering(self) -> tuple[Waiver, ...]:
        """The valid waivers that cover a failing row."""
        return tuple(
            waiver
            for waiver in self.waivers
            if any(waiver.covers(cause.key) for cause in self.causes)
        )

    def signed_for(self, cause: Cause) -> str | None:
        """The signatories of the waivers that cover a failing row, or None."""
        return _signatories(w for w in self.waivers if w.covers(cause.key))

    @property
    def waived_by(self) -> str | None:
        """The signatories if every failing row is covered, or None."""
        return _signatories(self.covering) if self.is_waived else None

    @property
    def is_waived(self) -> bool:
        """Whether the check fails and waivers cover every failing row."""
        return not self.success and bool(self.causes) and not self.uncovered

    @property
    def failed(self) -> int:
        """The number of failing rows."""
        return len(self.causes)

    @property
    def threshold(self) -> str:
        """The threshold as text, with the conditions for the rows that it applies to."""
        return threshold(self.check)

    @property
    def threshold_zh(self) -> str:
        """The threshold in Chinese."""
        return threshold(self.check, chinese=True)

    @property
    def observed_zh(self) -> str:
        """The observed value in Chinese."""
        return observed_zh(self.observed, self.check)

    @property
    def detail(self) -> str:
        """JSON: the number of judged rows, the failing ones (up to a limit) and their waivers."""
        keys = [
            {**cause.key, "observed": cause.value, "by": list(cause.culprits)}
            for cause in self.causes[:KEYS_KEPT]
        ]
        return json.dumps(
            {
                "title_zh": self.check.title_zh,
                "title_en": self.check.title_en,
                "observed_zh": self.observed_zh,
                "threshold_zh": self.threshold_zh,
                "evaluated": self.evaluated,
                "failed": self.failed,
                "shown": len(keys),
                "keys": keys,
                "waivers": [waiver.as_data() for waiver in self.covering],
            },
            ensure_ascii=False,
            sort_keys=True,
        )


@dataclass(frozen=True)
class Finding:
    """A failed check with its texts for people.

    Attributes:
        suite, expectation, severity, observed, threshold: as in ``quality.gate_results``.
        title_zh, title_en: what was judged.
        failed, evaluated: the number of failing rows (those of ``causes``) and of judged rows.
        reason_zh, reason_en: the reason for the threshold.
        remedy_zh, remedy_en: what to do.
        causes: all failing rows that the finding is about, the worst first.
        observed_zh, threshold_zh: the observed value and the threshold in Chinese.
        covered: the number of other failing rows, which are waived.
        waivers: the valid waivers that cover failing rows.
        expired: the expired waivers of the check.
    """

    suite: str
    expectation: str
    severity: str
    observed: str
    threshold: str
    title_zh: str
    title_en: str
    failed: int
    evaluated: int
    reason_zh: str
    reason_en: str
    remedy_zh: str
    remedy_en: str
    causes: tuple[Cause, ...]
    observed_zh: str
    threshold_zh: str
    covered: int = 0
    waivers: tuple[Waiver, ...] = ()
    expired: tuple[Waiver, ...] = ()

    @property
    def check(self) -> str:
        """The check's full name, ``suite.expectation``."""
        return f"{self.suite}.{self.expectation}"

    @property
    def waived_zh(self) -> str:
        """One paragraph for the bulletin: what was waived, by whom, why and until when."""
        waivers = "；".join(waiver.text_zh for waiver in self.waivers)
        places = f"{self._places('、')}。" if self.evaluated > 1 else ""
        return f"{self.title_zh}：{_deviation_zh(self)}。{places}{waivers}。"

    def _places(self, comma: str) -> str:
        named = comma.join(cause.place for cause in self.causes[:CAUSES_NAMED])
        more = self.failed - CAUSES_NAMED
        if more <= 0:
            return named
        return named + (f"等{self.failed}处" if comma == "、" else f" and {more} more")

    @property
    def text_zh(self) -> str:
        """One paragraph for the bulletin."""
        head = f"{self.title_zh}：{_deviation_zh(self)}"
        named = "；".join(cause.text_zh(3) for cause in self.causes[:CAUSES_NAMED])
        more = self.failed - CAUSES_NAMED
        text = f"{head}。{named}" + (f"；另有{more}处" if more > 0 else "") + "。"
        if self.covered:
            waivers = "；".join(waiver.text_zh for waiver in self.waivers)
            text += f"此外{self.covered}处经签批豁免：{waivers}。"
        return text

    @property
    def text_en(self) -> str:
        """One paragraph for the engineer."""
        named = "; ".join(cause.text_en(3) for cause in self.causes[:CAUSES_NAMED])
        more = self.failed - CAUSES_NAMED
        return (
            f"{self.title_en}: {_deviation_en(self)}. {named}"
            + (f"; and {more} more" if more > 0 else "")
            + f". Do: {self.remedy_en}."
        )

    def waived_lines(self) -> list[str]:
        """English lines for the terminal about a waived check and its waivers."""
        return [
            f"  - {self.title_en}  [{self.suite}.{self.expectation}]: {_deviation_en(self)}",
            f"      {self._places(', ')}",
            *(f"      {waiver.text_en}" for waiver in self.waivers),
        ]

    def lines(self, number: int) -> list[str]:
        """English lines for the terminal, with the finding's number in the list."""
        lines = [
            f"{number:>3}. {self.title_en}  [{self.suite}.{self.expectation}]",
            f"     {_deviation_en(self)}",
        ]
        lines += [f"     - {cause.text_en(3)}" for cause in self.causes[:CAUSES_NAMED]]
        if self.failed > CAUSES_NAMED:
            lines.append(f"     and {self.failed - CAUSES_NAMED} more (all in the quality report)")
        if self.covered:
            lines.append(f"     {self.covered} more fail and don't block:")
            lines += [f"       {waiver.text_en}" for waiver in self.waivers]
        lines += [f"     expired: {waiver.text_en}" for waiver in self.expired]
        lines.append(f"     do: {self.remedy_en}")
        return lines


def _signatories(waivers: Iterable[Waiver]) -> str | None:
    return "、".join(dict.fromkeys(waiver.signatory for waiver in waivers)) or None


def _deviation_zh(finding: Finding) -> str:
    if finding.evaluated <= 1:
        return f"{finding.observed_zh}，要求{finding.threshold_zh}"
    return (
        f"{finding.evaluated:,}项中{finding.failed:,}项不符合，偏离最大的为{finding.observed_zh}，"
        f"要求{finding.threshold_zh}"
    )


def _deviation_en(finding: Finding) -> str:
    if finding.evaluated <= 1:
        return f"observed {finding.observed}, must be {finding.threshold}"
    return (
        f"{finding.failed:,} of {finding.evaluated:,} judged fail; worst {finding.observed}, "
        f"must be {finding.threshold}"
    )


def shown_value(value: Any, shown: Shown) -> str:
    """A judged value as text: ``41.67%``, ``12``, ``×3.20``; "—" for None."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "—"
    if shown == "rate":
        return f"{value * 100:.2f}%"
    if shown == "factor":
        return f"×{value:,.3g}" if value < 100 else f"×{value:,.0f}"
    if shown == "flag":
        return "doesn't hold" if value else "holds"
    if shown == "count":
        return f"{int(value):,}"
    return str(value)


def _limit(value: float, shown: Shown) -> str:
    if shown == "rate":
        return f"{value * 100:g}%"
    if shown == "factor":
        return f"×{value:.4g}"
    return f"{value:g}"


#: The Chinese names of the columns in the conditions of thresholds.
_COLUMN_ZH = {
    "units_expected": "应报单位数",
    "units_on_time": "按时报送单位数",
    "units_previous": "上年应报单位数",
    "units_counted": "计入单位数",
    "units_judged": "适用单位数",
    "units_both": "两年均计入的单位数",
    "previous_size": "上年合计",
    "submitted": "填报值数",
    "documents": "文档数",
}


def threshold(check: Check, *, chinese: bool = False) -> str:
    """The threshold of a check as text, e.g. ``≥ 50% (units_expected ≥ 10)``."""
    low, high = check.at_least, check.at_most
    blank = "" if chinese else " "
    if check.equals is not None:
        text = "相等" if chinese else f"= {check.equals}"
    elif check.shown == "flag":
        text = "符合" if chinese else "holds"
    elif low is not None and low == high:
        text = f"={blank}{_limit(low, check.shown)}"
    elif low is not None and high is not None:
        to = "～" if chinese else " … "
        text = f"{_limit(low, check.shown)}{to}{_limit(high, check.shown)}"
    elif low is not None:
        text = f"≥{blank}{_limit(low, check.shown)}"
    else:
        text = f"≤{blank}{_limit(high or 0, check.shown)}"
    if chinese:
        text += check.counted_zh
    if check.only:
        symbols = {">=": "≥", ">": ">"}
        names = _COLUMN_ZH if chinese else {}
        conditions = [
            f"{names.get(c, c)}{blank}{symbols[op]}{blank}{n:g}" for c, op, n in check.only
        ]
        text += f"（{'、'.join(conditions)}）" if chinese else f" ({', '.join(conditions)})"
    return text


_OBSERVED_ZH = {"holds": "符合", "doesn't hold": "不符合", "equal": "相等"}


def observed_zh(observed: str, check: Check) -> str:
    """The observed value in Chinese."""
    if check.shown == "text" and observed.endswith(" differ"):
        return observed.removesuffix(" differ") + "处不相等"
    return _value_zh(observed, check.counted_zh)


def _value_zh(value: str, counted_zh: str) -> str:
    return value + counted_zh if value[:1].isdigit() else _OBSERVED_ZH.get(value, value)


@dataclass(frozen=True)
class GateDecision:
    """The gate's decision about one snapshot of the lake.

    Attributes:
        year: the reporting year.
        snapshot_id: the judged snapshot; publication refuses any other.
        run_id: the run that judged.
        is_synthetic: whether there is synthetic data in the judged data.
        outcomes: the result of every check, in the order of the suites.
        cutoff_at: the year's cut-off (UTC aware).
        circumstances: :meth:`Circumstances.as_data`, for the manifest of an edition.
    """

    year: int
    snapshot_id: int
    run_id: str
    is_synthetic: bool
    outcomes: tuple[Outcome, ...]
    cutoff_at: datetime
    circumstances: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def _findings(self, severity: str) -> tuple[Finding, ...]:
        return tuple(
            _finding(outcome, outcome.uncovered)
            for outcome in self.outcomes
            if not outcome.success and not outcome.is_waived and outcome.check.severity == severity
        )

    @cached_property
    def waived(self) -> tuple[Finding, ...]:
        """Failed checks whose failing rows are all waived."""
        return tuple(
            _finding(outcome, outcome.causes) for outcome in self.outcomes if outcome.is_waived
        )

    @cached_property
    def blocking(self) -> tuple[Finding, ...]:
        """Failed critical checks, which block publication."""
        # The most general first: the nation, then the provinces, then single facts.
        order = {"national": 0, "provincial": 1, "submissions": 2}
        return tuple(sorted(self._findings("critical"), key=lambda f: order[f.suite]))

    @cached_property
    def warnings(self) -> tuple[Finding, ...]:
        """Failed warning checks, which are published with the bulletin."""
        order = {"national": 0, "provincial": 1, "submissions": 2}
        return tuple(sorted(self._findings("warning"), key=lambda f: order[f.suite]))

    @property
    def blocked(self) -> bool:
        """Whether publication is blocked."""
        return bool(self.blocking)

    @property
    def warned_zh(self) -> dict[str, str]:
        """Check (``national.places_are_firm``) → the bulletin's text about a warning."""
        return {finding.check: finding.text_zh for finding in self.warnings}

    @property
    def waived_zh(self) -> dict[str, str]:
        """Check → the bulletin's text about a waived check."""
        return {finding.check: finding.waived_zh for finding in self.waived}

    @property
    def results(self) -> list[dict[str, Any]]:
        """Rows for ``quality.gate_results``, one for each check, in a fixed order."""
        return [
            {
                "year": self.year,
                "run_id": self.run_id,
                "snapshot_id": self.snapshot_id,
                "suite": outcome.level,
                "expectation": outcome.check.name,
                "severity": outcome.check.severity,
                "success": outcome.success,
                "observed": outcome.observed,
                "threshold": outcome.threshold,
                "waived_by": outcome.waived_by,
                "reason": outcome.check.reason_zh,
                "detail": outcome.detail,
            }
            for outcome in self.outcomes
        ]

    def summary(self) -> dict[str, Any]:
        """Counts and the failed checks, for manifests and ``--json``."""
        return {
            "year": self.year,
            "snapshot_id": self.snapshot_id,
            "blocked": self.blocked,
            "checks": len(self.outcomes),
            "blocking": [_brief(finding) for finding in self.blocking],
            "warnings": [_brief(finding) for finding in self.warnings],
            "waived": [
                _brief(finding) | {"waivers": [waiver.text_zh for waiver in finding.waivers]}
                for finding in self.waived
            ],
        }

    def print_lines(self) -> list[str]:
        """Lines for the terminal: the decision, blocking findings, waived ones, warnings."""
        verdict = "BLOCKED" if self.blocked else "passed"
        lines = [
            f"Gate {self.year} (snapshot {self.snapshot_id}): {verdict}; "
            f"{len(self.outcomes)} checks, {len(self.blocking)} block, "
            f"{len(self.warnings)} warn" + (f", {len(self.waived)} waived" if self.waived else "")
        ]
        if self.blocking:
            lines.append("What blocks publication:")
            for number, finding in enumerate(self.blocking, 1):
                lines += finding.lines(number)
        if self.waived:
            lines.append("Waived (published with the bulletin):")
        for finding in self.waived:
            lines += finding.waived_lines()
        if self.warnings:
            lines.append("Warnings (published with the bulletin):")
            # A notice is skipped if the blocking check with the same rows is listed already.
            listed = {finding.expectation + "_notice": finding.causes for finding in self.blocking}
            for finding in self.warnings:
                if len(listed.get(finding.expectation, ())) == finding.failed:
                    continue
                first = finding.causes[0].text_en(2) if finding.causes else ""
                more = f" and {finding.failed - 1} more" if finding.failed > 1 else ""
                lines.append(f"  - {finding.title_en}: {_deviation_en(finding)}")
                lines.append(f"      {first}{more}")
        return lines

    def notice(self) -> str:
        """One message about a blocked gate: findings, deviations, causes and next steps."""
        return "\n".join(
            [
                f"The gate blocks {self.year} (snapshot {self.snapshot_id}): nothing is published.",
                *(f"{n}. {finding.text_en}" for n, finding in enumerate(self.blocking, 1)),
                f"Next: 'tongbao gate --year {self.year}' lists all findings. Fix the cause, or "
                "have a waiver signed in expectations/waivers.csv, then run "
                f"'tongbao run --year {self.year}'. The schedule tries again each morning.",
            ]
        )


def _brief(finding: Finding) -> dict[str, Any]:
    return {
        "suite": finding.suite,
        "expectation": finding.expectation,
        "observed": finding.observed,
        "threshold": finding.threshold,
        "failed": finding.failed,
        "evaluated": finding.evaluated,
        "text_zh": finding.text_zh,
        "text_en": finding.text_en,
    }


def _finding(outcome: Outcome, causes: tuple[Cause, ...]) -> Finding:
    """Make the finding about some or all of the failing rows."""
    check = outcome.check
    observed = outcome.observed
    if causes and len(causes) < outcome.failed:
        observed = causes[0].value if check.equals is None else f"{len(causes)} differ"
    return Finding(
        suite=outcome.level,
        expectation=check.name,
        severity=check.severity,
        observed=observed,
        threshold=outcome.threshold,
        title_zh=check.title_zh,
        title_en=check.title_en,
        failed=len(causes),
        evaluated=outcome.evaluated,
        reason_zh=check.reason_zh,
        reason_en=check.reason_en,
        remedy_zh=check.remedy_zh,
        remedy_en=check.remedy_en,
        causes=causes,
        observed_zh=observed_zh(observed, check),
        threshold_zh=outcome.threshold_zh,
        covered=outcome.failed - len(causes),
        waivers=outcome.covering,
        expired=outcome.expired,
    )
