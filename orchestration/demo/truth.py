"""The truth: the expected marts of the demo year, computed independently of the pipeline.

It is computed from the ledger of what the generator sent, with whole millionths (``Fraction`` in
the rules). Nothing is read back from the objects, and intake and dbt share nothing with it except
the catalogue. :func:`compute` describes the result.

Belongs here: the ledger and the computation. Doesn't belong here: anything that the pipeline uses.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from orchestration.core.catalogue import Catalogue, Indicator, Rule, Target
from orchestration.demo.documents import OddValue, Submission, iso_time
from orchestration.demo.rules import Expression, Number
from orchestration.demo.values import MILLION, Value, in_millionths, submitted_indicators

__all__ = ["Ledger", "SentDocument", "compute", "decimal_text", "exact_number", "round_quotient"]

_MATCHED = (
    "matched_units",
    "matched_value",
    "matched_previous_value",
    "matched_change_rate",
    "matched_change_points",
)

_LEVELS = ("school", "municipal", "provincial", "national")

#: The reports of 2023 were the first of the notice.
_YEAR_BEFORE_THE_FIRST = 2022


@dataclass(frozen=True, slots=True)
class SentDocument:
    """A valid document of another type than performance (see :class:`Ledger`).

    Attributes:
        kind: document type.
        subject: the unit's code, or ``task/province`` of a summary.
        year: the year in its key.
        province_code: the province in its key.
        submitted_at: seconds since 1970 UTC.
        content: the fields that the truth depends on.
    """

    kind: str
    subject: str
    year: int
    province_code: str
    key: str
    document_id: str
    submitted_at: int
    content: Mapping[str, Any]


@dataclass
class Ledger:
    """Everything that was sent.

    Attributes:
        documents: valid documents, except performances.
        performances: object key, province and submission of valid performance documents.
        findings: findings of intake, as rows of ``quality.submission_errors``.
        faults: year and kind → number of faults.
        objects: year and document type → number of objects.
        rejected_objects: keys of objects that must be rejected.
    """

    documents: list[SentDocument] = field(default_factory=list)
    performances: list[tuple[str, str, Submission]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    faults: Counter[tuple[int, str]] = field(default_factory=Counter)
    objects: Counter[tuple[int, str]] = field(default_factory=Counter)
    rejected_objects: list[str] = field(default_factory=list)


def decimal_text(millionths: int | None) -> str | None:
    """Millionths as decimal text with six places."""
    if millionths is None:
        return None
    sign = "-" if millionths < 0 else ""
    whole, part = divmod(abs(millionths), MILLION)
    return f"{sign}{whole}.{part:06d}"


def round_quotient(dividend: int, divisor: int) -> int | None:
    """dividend / divisor, rounded half away from zero; None if divisor is 0."""
    if divisor == 0:
        return None
    sign = 1 if (dividend < 0) == (divisor < 0) else -1
    dividend, divisor = abs(dividend), abs(divisor)
    return sign * ((2 * dividend + divisor) // (2 * divisor))


def exact_number(millionths: int) -> Number:
    """Millionths as an exact number of units."""
    whole, rest = divmod(millionths, MILLION)
    return whole if rest == 0 else Fraction(millionths, MILLION)


def _size(value: Value) -> int:
    """The number that a value counts as, in millionths; of a code list, its number of codes."""
    return len(set(value)) * MILLION if isinstance(value, tuple) else value


@dataclass(slots=True)
class _Sums:
    """The sums that an aggregate is computed from; national sums are sums of these."""

    counted: int = 0
    excluded: int = 0
    total: int = 0
    largest: int | None = None
    numerator: int = 0
    denominator: int = 0
    targeted: int = 0
    targeted_total: int = 0
    targeted_largest: int = 0
    target_total: int = 0
    target_largest: int = 0
    targeted_numerator: int = 0
    targeted_denominator: int = 0
    weighted_target: int = 0
    codes: set[str] = field(default_factory=set)

    def add_value(self, value: Value, target: int | None) -> None:
        """Add a unit's counted value."""
        size = _size(value)
        if isinstance(value, tuple):
            self.codes.update(value)
        self.counted += 1
        self.total += size
        if self.largest is None or size > self.largest:
            self.largest = size
        if target is not None:
            if not self.targeted or size > self.targeted_largest:
                self.targeted_largest = size
            if not self.targeted or target > self.target_largest:
                self.target_largest = target
            self.targeted += 1
            self.targeted_total += size
            self.target_total += target

    def add_ratio(self, numerator: int, denominator: int, target: int | None) -> None:
        """Add a unit whose numerator and denominator both count."""
        self.counted += 1
        self.numerator += numerator
        self.denominator += denominator
        if target is not None:
            self.targeted += 1
            self.targeted_numerator += numerator
            self.targeted_denominator += denominator
            self.weighted_target += target * denominator

    def merge(self, other: _Sums) -> None:
        """Add another group's sums."""
        if other.largest is not None:
            self.largest = (
                other.largest if self.largest is None else max(self.largest, other.largest)
            )
        if other.targeted:
            first = not self.targeted
            self.targeted_largest = (
                other.targeted_largest
                if first
                else max(self.targeted_largest, other.targeted_largest)
            )
            self.target_largest = (
                other.target_largest if first else max(self.target_largest, other.target_largest)
            )
        for name in (
            "counted",
            "excluded",
            "total",
            "numerator",
            "denominator",
            "targeted",
            "targeted_total",
            "target_total",
            "targeted_numerator",
            "targeted_denominator",
            "weighted_target",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.codes |= other.codes

    def figures(self, indicator: Indicator) -> tuple[int | None, int | None, int | None]:
        """Value, target and attainment, in millionths."""
        if not self.counted:
            # Without counted values the figure is missing, not zero; also the union of no lists.
            return None, None, None
        value: int | None = None
        target: int | None = None
        attainment: int | None = None
        match indicator.aggregation:
            case "sum" | "count_true":
                value = self.total
                if self.targeted:
                    target = self.target_total
                    attainment = round_quotient(self.targeted_total * MILLION, target)
            case "mean":
                value = round_quotient(self.total, self.counted)
                if self.targeted:
                    target = round_quotient(self.target_total, self.targeted)
                    attainment = round_quotient(self.targeted_total * MILLION, self.target_total)
            case "max":
                value = self.largest
                if self.targeted:
                    target = self.target_largest
                    attainment = round_quotient(self.targeted_largest * MILLION, target)
            case "count_distinct":
                value = len(self.codes) * MILLION
            case "ratio":
                factor = _factor(indicator)
                value = round_quotient(self.numerator * factor * MILLION, self.denominator)
                if self.targeted:
                    target = round_quotient(self.weighted_target, self.targeted_denominator)
                    attainment = round_quotient(
                        self.targeted_numerator * factor * MILLION * MILLION, self.weighted_target
                    )
        return value, target, attainment

    def value_with_target(self, indicator: Indicator) -> int | None:
        """The aggregate of the units with a value and a target, in millionths."""
        if not self.targeted:
            return None
        match indicator.aggregation:
            case "sum" | "count_true":
                return self.targeted_total
            case "mean":
                return round_quotient(self.targeted_total, self.targeted)
            case "max":
                return self.targeted_largest
            case "ratio":
                scaled = self.targeted_numerator * _factor(indicator) * MILLION
                return round_quotient(scaled, self.targeted_denominator)
        return None


def _aggregate_of_parts(indicator: Indicator, parts: list[tuple[int, int]]) -> int | None:
    """The aggregate in millionths of units given as numerators and denominators (1 if no ratio)."""
    if not parts:
        return None
    total = sum(numerator for numerator, _ in parts)
    if indicator.aggregation == "ratio":
        whole = sum(denominator for _, denominator in parts)
        return round_quotient(total * _factor(indicator) * MILLION, whole)
    return round_quotient(total, len(parts)) if indicator.aggregation == "mean" else total


def _factor(indicator: Indicator) -> int:
    return 100 if indicator.unit == "%" else 1


@dataclass(slots=True)
class _Unit:
    """The state of a unit at a year's cut-off."""

    code: str
    task_code: str
    province_code: str
    level: str
    category: str | None
    status: str
    is_expected: bool


@dataclass
class _Outcome:
    """The result of checking a performance document.

    Attributes:
        counted: code → value.
        excluded: code → error code or rule id.
        reported: number of values submitted.
    """

    counted: dict[str, Value] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    reported: int = 0

    def parts(self, indicator: Indicator) -> tuple[int, int] | None:
        """The unit's numerator and denominator (1 if no ratio); None if it doesn't count."""
        if indicator.aggregation == "ratio":
            numerator = self.counted.get(indicator.numerator or "")
            denominator = self.counted.get(indicator.denominator or "")
        else:
            numerator, denominator = self.counted.get(indicator.code), 1
        if isinstance(numerator, int) and isinstance(denominator, int):
            return numerator, denominator
        return None


@dataclass
class _Checker:
    """Checks values of one task against bounds and rules."""

    catalogue: Catalogue
    task_code: str
    codes: list[str] = field(default_factory=list)
    limits: list[tuple[int | None, int | None, bool]] = field(default_factory=list)
    rules: list[tuple[Rule, Expression]] = field(default_factory=list)
    operands: set[str] = field(default_factory=set)
    ratios: list[Indicator] = field(default_factory=list)

    def __post_init__(self) -> None:
        for each in submitted_indicators(self.catalogue, self.task_code):
            self.codes.append(each.code)
            self.limits.append(
                (
                    None if each.hard_min is None else in_millionths(each.hard_min),
                    None if each.hard_max is None else in_millionths(each.hard_max),
                    each.is_whole or each.value_type == "yesno",
                )
            )
        self.rules = [
            (rule, Expression(rule.expression))
            for rule in sorted(self.catalogue.rules.values(), key=lambda r: r.rule_id)
            if rule.task_code in (None, self.task_code)
        ]
        self.operands = {name for _, expression in self.rules for name in expression.names}
        self.ratios = [
            each
            for each in self.catalogue.indicators.values()
            if each.aggregation == "ratio" and each.task_code in (None, self.task_code)
        ]

    def check(self, position: int, value: Value | OddValue) -> tuple[Value | None, str | None]:
        """The value that counts, and None; or None, and the error code."""
        meaning = value.meaning if isinstance(value, OddValue) else value
        if meaning is None:
            return None, "E201"
        code = self.codes[position]
        low, high, is_whole = self.limits[position]
        if isinstance(meaning, tuple) and not set(meaning) <= self.catalogue.codes_of(code):
            return None, "E206"
        size = _size(meaning)
        if is_whole and size % MILLION:
            return None, "E202"
        if (low is not None and size < low) or (high is not None and size > high):
            return None, "E203"
        return meaning, None

    def derived(self, counted: Mapping[str, Value]) -> dict[str, int]:
        """Code → ratio of one unit, in millionths; without those whose denominator is 0."""
        found = {}
        for each in self.ratios:
            numerator, denominator = (
                counted.get(each.numerator or ""),
                counted.get(each.denominator or ""),
            )
            if isinstance(numerator, int) and isinstance(denominator, int):
                value = round_quotient(numerator * _factor(each) * MILLION, denominator)
                if value is not None:
                    found[each.code] = value
        return found


class _Year:
    """Computes one reporting year from the ledger."""

    def __init__(
        self,
        catalogue: Catalogue,
        ledger: Ledger,
        year: int,
        cutoff: int,
        prior: _Year | None,
    ) -> None:
        self.catalogue = catalogue
        self.ledger = ledger
        self.year = year
        self.cutoff = cutoff
        self.prior = prior
        self.checkers = {task: _Checker(catalogue, task) for task in catalogue.tasks}
        self.findings: list[dict[str, Any]] = []
        self._choose_documents()
        self._collect_units()
        self._collect_targets()
        self._check_values()
        self._aggregate()

    # -- effective documents ---------------------------------------------------------------

    def _choose_documents(self) -> None:
        """Find the effective document of each type and subject (contract, "What counts")."""
        lasting = {"registration", "plan", "review"}
        self.effective: dict[str, dict[Any, SentDocument]] = defaultdict(dict)
        for each in self.ledger.documents:
            in_time = each.submitted_at < self.cutoff
            of_year = each.year == self.year or (each.year < self.year and each.kind in lasting)
            if in_time and of_year:
                subject: Any = each.subject
                if each.kind == "review":
                    subject = (each.subject, each.content["stage"])
                best = self.effective[each.kind].get(subject)
                if best is None or _version(each) > _version(best):
                    self.effective[each.kind][subject] = each
        self.received: set[str] = set()
        self.performance: dict[str, tuple[str, str, Submission]] = {}
        for entry in self.ledger.performances:
            submission = entry[2]
            if submission.year != self.year:
                continue
            self.received.add(submission.unit_code)
            if submission.submitted_at < self.cutoff:
                other = self.performance.get(submission.unit_code)
                if other is None or _version(submission) > _version(other[2]):
                    self.performance[submission.unit_code] = entry

    def _collect_units(self) -> None:
        """Determine level and status of units, and which of them are expected."""
        self.units: dict[str, _Unit] = {}
        approved: dict[str, set[str]] = defaultdict(set)
        for (unit_code, stage), review in self.effective["review"].items():
            if review.content["decision"] == "approved":
                approved[unit_code].add(stage)
        for unit_code, registration in self.effective["registration"].items():
            stages = approved[unit_code]
            status = "registered"
            for stage, name in (
                ("provincial_recommendation", "recommended"),
                ("national_recognition", "recognised"),
                ("warning", "warned"),
                ("removal", "removed"),
            ):
                if stage in stages:
                    status = name
            task_code, province_code, _ = unit_code.split("-")
            self.units[unit_code] = _Unit(
                unit_code,
                task_code,
                province_code,
                "national"
                if "national_recognition" in stages
                else str(registration.content["level"]),
                registration.content["category"],
                status,
                "provincial_recommendation" in stages and "removal" not in stages,
            )
        self.expected = {c: u for c, u in sorted(self.units.items()) if u.is_expected}

    def _collect_targets(self) -> None:
        """Collect this year's targets in millionths, and findings about invalid targets."""
        self.targets: dict[str, dict[str, int]] = {}
        for unit_code, plan in self.effective["plan"].items():
            task_code = unit_code.partition("-")[0]
            usable: dict[str, int] = {}
            for code, target in plan.content["targets"].get(self.year, {}).items():
                indicator = self.catalogue.indicators.get(code)
                known = indicator is not None and indicator.task_code in (None, task_code)
                if known and isinstance(target, int):
                    usable[code] = target
                elif plan.year == self.year:
                    self._add_document_finding(plan, "E201" if known else "E204", code)
            self.targets[unit_code] = usable

    # -- checks of values -----------------------------------------------------------------

    def _check_values(self) -> None:
        self.outcomes: dict[str, _Outcome] = {}
        for key, province_code, submission in self.ledger.performances:
            unit_code = submission.unit_code
            if submission.year != self.year:
                continue
            fields = {
                "province_code": province_code,
                "object_key": key,
                "document_id": submission.document_id,
                "unit_code": unit_code,
            }
            self._check_document("performance", fields, submission.submitted_at)
            chosen = self.performance.get(unit_code)
            outcome = self._outcome(submission, fields)
            if chosen is not None and chosen[2] is submission:
                self._apply_rules(submission, fields, outcome)
                if unit_code in self.expected:
                    self.outcomes[unit_code] = outcome
        for each in self.ledger.documents:
            if each.year == self.year:
                self._check_document(each.kind, _document_fields(each), each.submitted_at)

    def _check_document(self, kind: str, fields: Mapping[str, Any], submitted_at: int) -> None:
        """Add a finding if a document is late, or its unit not registered or not expected."""
        unit = self.units.get(fields["unit_code"] or "")
        code = None
        if submitted_at >= self.cutoff:
            code = "W301"
        elif kind in {"plan", "review", "performance", "assessment"} and unit is None:
            code = "E109"
        elif kind in {"performance", "assessment"} and unit and not unit.is_expected:
            code = "W305"
        if code:
            self._add_finding(fields, code, None)

    def _add_document_finding(
        self, document: SentDocument, code: str, indicator_code: str | None
    ) -> None:
        self._add_finding(_document_fields(document), code, indicator_code)

    def _add_finding(
        self, fields: Mapping[str, Any], code: str, indicator_code: str | None
    ) -> None:
        known = self.catalogue.error_codes.get(code)
        rule = self.catalogue.rules.get(code)
        severity = known.severity if known else "error"
        if rule:
            severity = "error" if rule.severity == "blocking" else "warning"
        self.findings.append(
            {
                "year": self.year,
                **fields,
                "indicator_code": indicator_code,
                "code": code,
                "severity": severity,
            }
        )

    def _outcome(self, submission: Submission, fields: Mapping[str, Any]) -> _Outcome:
        task_code = submission.unit_code.partition("-")[0]
        checker = self.checkers[task_code]
        outcome = _Outcome()
        counted = outcome.counted
        for position, value in enumerate(submission.values):
            code = checker.codes[position]
            if value is None or (isinstance(value, OddValue) and value.is_missing):
                if self.catalogue.indicators[code].is_required:
                    self._add_finding(fields, "W208", code)
                continue
            outcome.reported += 1
            meaning, wrong = checker.check(position, value)
            if wrong:
                outcome.excluded[code] = wrong
                self._add_finding(fields, wrong, code)
            elif meaning is not None:
                counted[code] = meaning
        for code, _ in submission.extra:
            known = self.catalogue.indicators.get(code)
            here = known is not None and known.task_code in (None, task_code)
            self._add_finding(fields, "E205" if here else "E204", code)
        return outcome

    def _apply_rules(
        self, submission: Submission, fields: Mapping[str, Any], outcome: _Outcome
    ) -> None:
        """Apply the cross-check rules to an effective document; exclude what they block."""
        checker = self.checkers[submission.unit_code.partition("-")[0]]
        counted = outcome.counted
        operands = self._operands(checker, submission.unit_code, counted)
        blocked: dict[str, str] = {}
        for rule, expression in checker.rules:
            if expression.is_false(operands):
                self._add_finding(fields, rule.rule_id, rule.indicator_codes[0])
                if rule.severity == "blocking":
                    for code in rule.indicator_codes:
                        blocked.setdefault(code, rule.rule_id)
        for code, rule_id in blocked.items():
            if code in counted:
                del counted[code]
                outcome.excluded[code] = rule_id

    def _operands(
        self, checker: _Checker, unit_code: str, counted: Mapping[str, Value]
    ) -> dict[str, Number]:
        """The operands of rules: this year's values, last year's counted values, and targets."""
        wanted = checker.operands
        operands = {c: exact_number(_size(v)) for c, v in counted.items() if c in wanted}
        for code, value in checker.derived(counted).items():
            if code in wanted:
                operands[code] = exact_number(value)
        if self.prior is not None:
            before = self.prior.outcomes.get(unit_code)
            if before is not None:
                for code, past in before.counted.items():
                    if f"prev_{code}" in wanted:
                        operands[f"prev_{code}"] = exact_number(_size(past))
                for code, ratio in checker.derived(before.counted).items():
                    if f"prev_{code}" in wanted:
                        operands[f"prev_{code}"] = exact_number(ratio)
        for code, target in self.targets.get(unit_code, {}).items():
            if f"target_{code}" in wanted:
                operands[f"target_{code}"] = exact_number(target)
        if "reporting_year" in wanted:
            operands["reporting_year"] = self.year
        return operands

    # -- aggregates -----------------------------------------------------------------------

    def _aggregate(self) -> None:
        """Compute the sums by province, task and indicator, and from them the national sums."""
        self.cells: dict[tuple[str, str, str], _Sums] = defaultdict(_Sums)
        self.targets_set: Counter[str] = Counter()
        self.targets_met: Counter[str] = Counter()
        self.targets_not_met: Counter[str] = Counter()
        indicators = self.catalogue.indicators
        for unit_code, unit in self.expected.items():
            targets = self.targets.get(unit_code, {})
            outcome = self.outcomes.get(unit_code, _Outcome())
            place = (unit.province_code, unit.task_code)
            for code, value in outcome.counted.items():
                if indicators[code].aggregation not in {"none", "ratio"}:
                    self.cells[*place, code].add_value(value, targets.get(code))
            for code in outcome.excluded:
                self.cells[*place, code].excluded += 1
            for ratio in self.checkers[unit.task_code].ratios:
                numerator = outcome.counted.get(ratio.numerator or "")
                denominator = outcome.counted.get(ratio.denominator or "")
                if isinstance(numerator, int) and isinstance(denominator, int):
                    self.cells[*place, ratio.code].add_ratio(
                        numerator, denominator, targets.get(ratio.code)
                    )
            for code, target in targets.items():
                if not indicators[code].is_submitted:
                    continue
                self.targets_set[unit_code] += 1
                if code in outcome.counted:
                    value_ = _size(outcome.counted[code])
                    lower = indicators[code].direction == "lower"
                    if value_ <= target if lower else value_ >= target:
                        self.targets_met[unit_code] += 1
                    else:
                        self.targets_not_met[unit_code] += 1
        for (province, _, code), sums in list(self.cells.items()):
            if indicators[code].task_code is None:
                self.cells[province, "ALL", code].merge(sums)
        self.nation: dict[tuple[str, str], _Sums] = defaultdict(_Sums)
        for (_, task, code), sums in self.cells.items():
            self.nation[task, code].merge(sums)

        self._match()

    def _match(self) -> None:
        """Collect, for each aggregate, the parts of the units that count in both years.

        The pairs are kept by unit and not as sums: the warehouse adds sums of provinces, so the
        two ways to the same figure are independent.
        """
        self.matched: dict[tuple[str, str, str], list[tuple[tuple[int, int], tuple[int, int]]]] = (
            defaultdict(list)
        )
        if self.prior is None:
            return
        for unit_code in self.expected.keys() & self.prior.expected.keys():
            unit = self.expected[unit_code]
            now, before = self.outcomes.get(unit_code), self.prior.outcomes.get(unit_code)
            if now is None or before is None:
                continue
            for indicator in self.catalogue.indicators.values():
                if indicator.task_code not in (None, unit.task_code):
                    continue
                if indicator.aggregation == "none":
                    continue
                parts, previous = now.parts(indicator), before.parts(indicator)
                if parts is None or previous is None:
                    continue
                tasks = [unit.task_code] if indicator.task_code else [unit.task_code, "ALL"]
                for task in tasks:
                    for province in ("", unit.province_code):
                        self.matched[province, task, indicator.code].append((parts, previous))

    def _expected_by(self, key: Callable[[_Unit], Iterable[Any]]) -> Counter[Any]:
        return Counter(each for unit in self.expected.values() for each in key(unit))

    def indicator_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of ``agg_province_indicator`` and ``agg_national_indicator`` (without province)."""
        by_cell = self._expected_by(
            lambda u: ((u.province_code, u.task_code), (u.province_code, "ALL"))
        )
        by_task = self._expected_by(lambda u: (("", u.task_code), ("", "ALL")))
        for (province, task), expected in sorted((by_task + by_cell).items()):
            for indicator in self.catalogue.indicators.values():
                if indicator.task_code not in (None, task):
                    continue
                code = indicator.code
                sums = self._sums(province, task, code)
                value, target, attainment = sums.figures(indicator)
                previous, previous_counted = None, None
                if self.prior is not None and self.prior.has_row(province, task):
                    before = self.prior._sums(province, task, code)
                    previous = before.figures(indicator)[0]
                    previous_counted = before.counted
                change = None
                if value is not None and previous is not None:
                    change = round_quotient((value - previous) * MILLION, previous)
                matched = self._matched_figures(province, task, indicator)
                yield {
                    "province_code": province or None,
                    "task_code": task,
                    "indicator_code": code,
                    "value": decimal_text(value),
                    "target": decimal_text(target),
                    "value_with_target": decimal_text(sums.value_with_target(indicator)),
                    "units_with_target": sums.targeted,
                    "attainment": decimal_text(attainment),
                    "units_expected": expected,
                    "units_counted": sums.counted,
                    "units_excluded": sums.excluded,
                    "previous_value": decimal_text(previous),
                    "previous_units_counted": previous_counted,
                    "change_rate": decimal_text(change),
                    **matched,
                    "growth_withheld_by": self._growth_withheld_by(indicator, sums, matched),
                    "observation_status": self._observation_status(
                        expected, sums, value, previous, matched
                    ),
                }

    def _matched_figures(
        self, province: str, task: str, indicator: Indicator
    ) -> dict[str, int | str | None]:
        """The columns ``matched_*`` of an aggregate."""
        if indicator.aggregation in ("max", "count_distinct"):
            return dict.fromkeys(_MATCHED)
        pairs = self.matched.get((province, task, indicator.code), [])
        value = _aggregate_of_parts(indicator, [now for now, _ in pairs])
        previous = _aggregate_of_parts(indicator, [before for _, before in pairs])
        rate, points = None, None
        if value is not None and previous is not None:
            rate = round_quotient((value - previous) * MILLION, previous)
            points = value - previous if indicator.unit == "%" else None
        figures = (len(pairs), *map(decimal_text, (value, previous, rate, points)))
        return dict(zip(_MATCHED, figures, strict=True))

    def _growth_withheld_by(
        self, indicator: Indicator, sums: _Sums, matched: Mapping[str, int | str | None]
    ) -> str | None:
        rules, units = self.catalogue.comparison_rules, matched["matched_units"]
        if indicator.code in self.catalogue.incomparable or not isinstance(units, int):
            return "incomparable"
        if matched["matched_change_rate"] is None and matched["matched_change_points"] is None:
            return "no_matched_value"
        if units < rules["least_matched_units"].threshold:
            return "least_matched_units"
        if units < rules["least_matched_share"].threshold * sums.counted:
            return "least_matched_share"
        return None

    def _observation_status(
        self,
        expected: int,
        sums: _Sums,
        value: int | None,
        previous: int | None,
        matched: Mapping[str, int | str | None],
    ) -> str:
        """The status by the rows of ``observation_rules``; the demo's years are first editions."""
        units = matched["matched_units"]
        is_compared = previous is not None and isinstance(units, int)
        measured = {
            "few_units": (sums.counted, 1),
            "low_coverage": (sums.counted, expected),
            "broken_series": (units, sums.counted) if is_compared else (0, 0),
            "provisional": (sums.counted, expected),
        }
        if value is None:
            return self.catalogue.observation_rules["no_value"].status
        for name, rule in self.catalogue.observation_rules.items():
            if rule.threshold is not None:
                part, whole = measured[name]
                if isinstance(part, int) and part < rule.threshold * whole:
                    return rule.status
        return self.catalogue.observation_rules["normal"].status

    def has_row(self, province: str, task: str) -> bool:
        """Whether the province (empty: the nation) has expected units of the task."""
        return any(
            province in ("", unit.province_code) and task in ("ALL", unit.task_code)
            for unit in self.expected.values()
        )

    def _sums(self, province: str, task: str, code: str) -> _Sums:
        found = (
            self.cells.get((province, task, code)) if province else self.nation.get((task, code))
        )
        return found or _Sums()

    def task_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of ``agg_province_task`` and ``agg_national_task`` (without province)."""
        by_cell: dict[tuple[str, str], list[_Unit]] = defaultdict(list)
        for unit in self.expected.values():
            by_cell[unit.province_code, unit.task_code].append(unit)
            by_cell["", unit.task_code].append(unit)
        summaries = set(self.effective["provincial_summary"])
        for task in self.catalogue.tasks:
            sent = {p for p in self.catalogue.regions if f"{task}/{p}" in summaries}
            for province in ("", *self.catalogue.regions):
                row = self._task_row(by_cell[province, task])
                row = {"province_code": province or None, "task_code": task, **row}
                if province:
                    row["has_provincial_summary"] = province in sent
                else:
                    row["has_provincial_summary"] = len(sent) == len(self.catalogue.regions)
                    row["provincial_summaries"] = len(sent)
                yield row

    def _task_row(self, units: list[_Unit]) -> dict[str, Any]:
        expected = len(units)
        levels = Counter(unit.level for unit in units)
        reported = sum(unit.code in self.received for unit in units)
        on_time = sum(unit.code in self.performance for unit in units)
        files = sum(
            unit.code in self.performance and self.performance[unit.code][2].report is not None
            for unit in units
        )
        scores = [
            self.effective["assessment"][unit.code].content["score"]
            for unit in units
            if unit.code in self.effective["assessment"]
        ]
        targets_set = sum(self.targets_set[unit.code] for unit in units)
        targets_met = sum(self.targets_met[unit.code] for unit in units)
        targets_not_met = sum(self.targets_not_met[unit.code] for unit in units)

        def rate(part: int, whole: int) -> str | None:
            return decimal_text(round_quotient(part * MILLION, whole))

        return {
            "units_expected": expected,
            "units_national": levels["national"],
            "units_provincial": levels["provincial"],
            "units_municipal": levels["municipal"],
            "units_school": levels["school"],
            "units_reported": reported,
            "units_on_time": on_time,
            "reporting_rate": rate(reported, expected),
            "on_time_rate": rate(on_time, expected),
            "report_file_rate": rate(files, expected),
            "assessed_rate": rate(len(scores), expected),
            "mean_assessment_score": decimal_text(round_quotient(sum(scores), len(scores))),
            "targets_set": targets_set,
            "targets_met": targets_met,
            "targets_not_met": targets_not_met,
            "targets_without_value": targets_set - targets_met - targets_not_met,
            "target_met_rate": rate(targets_met, targets_set),
        }

    def target_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of ``agg_national_target``."""
        for target in self.catalogue.targets:
            achieved = sum(
                unit.task_code == target.task_code
                and unit.level == target.level
                and target.category in (None, unit.category)
                for unit in self.expected.values()
            )
            now = self._at_least(target)
            newly = None
            if self.prior is not None:
                before = self.prior._at_least(target, any_category=True)
                newly = sum(
                    level == target.level and code not in before for code, level in now.items()
                )
            elapsed = min(self.year, target.target_year) - _YEAR_BEFORE_THE_FIRST
            yield {
                "task_code": target.task_code,
                "level": target.level,
                "category": target.category,
                "achieved_count": achieved,
                "achieved_with_higher": len(now),
                "newly_achieved": newly,
                "time_elapsed_rate": decimal_text(
                    round_quotient(elapsed * MILLION, target.target_year - _YEAR_BEFORE_THE_FIRST)
                ),
                "target_count": target.target_count,
                "progress_rate": decimal_text(
                    round_quotient(achieved * MILLION, target.target_count)
                ),
            }

    def _at_least(self, target: Target, *, any_category: bool = False) -> dict[str, str]:
        """The expected units of a task at a target's level or a higher one: code → level."""
        reaching = _LEVELS[_LEVELS.index(target.level) :]
        return {
            code: unit.level
            for code, unit in self.expected.items()
            if unit.task_code == target.task_code
            and unit.level in reaching
            and (any_category or target.category in (None, unit.category))
        }

    def result(self) -> dict[str, Any]:
        """The year's part of ``truth.json``."""
        indicator_rows = list(self.indicator_rows())
        task_rows = list(self.task_rows())
        findings = [f for f in self.ledger.findings if f["year"] == self.year] + self.findings
        findings.sort(key=_finding_order)
        excluded = sorted(
            [unit_code, code, reason]
            for unit_code, outcome in self.outcomes.items()
            for code, reason in outcome.excluded.items()
        )
        return {
            "cutoff_at": iso_time(self.cutoff, 0),
            "units": dict(sorted(Counter(u.status for u in self.units.values()).items())),
            "units_expected": len(self.expected),
            "not_reported": [c for c in self.expected if c not in self.received],
            "late": [c for c in self.expected if c in self.received and c not in self.performance],
            "excluded": excluded,
            "agg_province_indicator": [r for r in indicator_rows if r["province_code"]],
            "agg_national_indicator": [
                _without_province(r) for r in indicator_rows if not r["province_code"]
            ],
            "agg_province_task": [r for r in task_rows if r["province_code"]],
            "agg_national_task": [
                _without_province(r) for r in task_rows if not r["province_code"]
            ],
            "agg_national_target": list(self.target_rows()),
            "findings_by_code": dict(sorted(Counter(f["code"] for f in findings).items())),
            "findings": findings,
            "rejected_objects": sorted(
                key for key in self.ledger.rejected_objects if f"/year={self.year}/" in key
            ),
            "faults": {
                kind: count
                for (year, kind), count in sorted(self.ledger.faults.items())
                if year == self.year
            },
            "objects": {
                kind: count
                for (year, kind), count in sorted(self.ledger.objects.items())
                if year == self.year
            },
        }


def _without_province(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "province_code"}


def _version(document: SentDocument | Submission) -> tuple[int, str]:
    return document.submitted_at, document.document_id


def _document_fields(document: SentDocument) -> dict[str, Any]:
    return {
        "province_code": document.province_code,
        "object_key": document.key,
        "document_id": document.document_id,
        "unit_code": None if document.kind == "provincial_summary" else document.subject,
    }


def _finding_order(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(
        str(row[name] or "") for name in ("object_key", "document_id", "code", "indicator_code")
    )


def compute(
    catalogue: Catalogue, ledger: Ledger, cutoffs: Mapping[int, int]
) -> dict[int, dict[str, Any]]:
    """Compute the expected marts and ``quality.submission_errors`` of consecutive years.

    Args:
        cutoffs: year → cut-off in seconds since 1970 UTC, exclusive.

    Returns:
        year → its part of ``truth.json``. Decimals are texts with six places; rates are fractions.
    """
    results: dict[int, dict[str, Any]] = {}
    prior: _Year | None = None
    for year in sorted(cutoffs):
        prior = _Year(catalogue, ledger, year, cutoffs[year], prior)
        results[year] = prior.result()
    return results
