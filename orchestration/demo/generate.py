"""Generates the demo year: writes the documents of a fictitious nation into the landing bucket.

Belongs here: who sends which document when, and recording it in the ledger from which the truth is
computed. Doesn't belong here: values (``values``), mistakes (``faults``), bytes (``documents``),
expected marts (``truth``).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import UsageError
from orchestration.core.reporting_calendar import period_of
from orchestration.core.settings import Settings
from orchestration.demo.documents import (
    Submission,
    common_fields,
    iso_time,
    json_lines,
    json_text,
    performance,
    plain_value,
    report_pdf,
)
from orchestration.demo.draws import Draw
from orchestration.demo.faults import (
    BROKEN_OBJECTS,
    IDENTIFIED_OBJECTS,
    PROFILES,
    REJECTED_DOCUMENTS,
    Rates,
    Spoiler,
    malformed,
)
from orchestration.demo.names import contact_of, highlight_of
from orchestration.demo.truth import Ledger, SentDocument, compute
from orchestration.demo.values import MILLION
from orchestration.demo.world import Unit, World, build_world
from orchestration.storage import Store

__all__ = ["DemoSummary", "generate"]

_DAY = 86_400
#: Documents of an object with many: 20 MB of the longest ones, a third of what intake reads of one
#: object (``settings.DEFAULT_MAX_OBJECT_BYTES``).
_PER_OBJECT = 10_000
#: Number of indicators with a target in a unit's plan.
_TARGETS = 6
#: Offsets of submission times in other time zones, in minutes east of UTC.
_ZONES = (0, -300, 540, 345)
#: Minimum score in tenths of a point, and the grade that a province gives for it.
_GRADES = ((900, "excellent"), (750, "good"), (600, "pass"), (0, "fail"))

#: Units verified in the spring after a year, per mille: few enough for a short list.
_VERIFIED = 15
#: What the verifications of the demo find, in turn: result, findings, what is asked, days from the
#: verification to the day by which, and to the day on which it was put right.
_VERIFICATIONS: tuple[tuple[str, str | None, str | None, int | None, int | None], ...] = (
    ("unsound", "实训设备按计划数填报，现场清点少于填报数。", "按清点数更正并补报凭证。", 60, None),
    ("sound", None, None, None, None),
    ("minor", "个别培训班次缺少签到记录。", "补齐签到记录。", 60, 45),
    ("unsound", "企业投入经费没有到账凭证。", "核减没有凭证的经费并说明原因。", 300, None),
)

Item = tuple[str, bytes]


@dataclass
class DemoSummary:
    """The result of generating a demo year.

    Attributes:
        units: number of units.
        objects, documents, bytes: numbers written into the landing bucket.
        truth: path of the file with the expected marts.
    """

    year: int
    scale: float
    seed: int
    faults: str
    units: int
    objects: int
    documents: int
    bytes: int
    truth: str

    def __str__(self) -> str:
        return (
            f"{self.units:,} units, {self.objects:,} objects ({self.bytes / 1e6:.1f} MB) of "
            f"{self.year - 1} and {self.year}, all synthetic (合成数据); expected marts: "
            f"{self.truth}"
        )


def generate(
    store: Store,
    settings: Settings,
    *,
    year: int,
    scale: float,
    seed: int,
    faults: str,
    bulk: bool = False,
    reports: bool = True,
    keep_earlier: bool = False,
    progress: Callable[[str], None],
) -> DemoSummary:
    """Write a synthetic collection of ``year`` and the year before.

    Objects of an earlier demo that are not written again are deleted; other objects stay.

    Args:
        scale: 1.0 is about 12,000 units.
        seed: of all draws.
        faults: name of a profile in ``faults.PROFILES``.
        bulk: write a province's valid performances as one object, or several of 10,000 documents.
            The expected marts are the same.
        reports: False: no unit has a report file.
        keep_earlier: keep an earlier demo's objects of years before these two, for a longer
            history; the truth covers the two years only.

    Raises:
        UsageError: the reporting calendar lacks one of the years.
    """
    for each in (year - 1, year):
        try:
            period_of(each)
        except UsageError as error:
            raise UsageError(f"the demo of {year} needs {each} too: {error}") from None
    catalogue = load_catalogue()
    world = build_world(catalogue, year, scale, seed)
    progress(f"demo: {len(world.units):,} units generated")
    rates = PROFILES[faults] if reports else replace(PROFILES[faults], no_report=1000)
    generator = _Generator(world, seed, rates, bulk=bulk)
    folder = settings.home / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    listing = folder / "objects.txt"
    former = set(listing.read_text(encoding="utf-8").splitlines()) if listing.exists() else set()
    kept = {key for key in former if keep_earlier and _year_of(key) < year - 1}
    former -= kept
    written: dict[str, int] = {}

    def recorded(items: Iterable[Item]) -> Iterator[Item]:
        for key, body in items:
            if key in written:
                raise AssertionError(f"the demo wrote {key} twice")
            written[key] = len(body)
            if len(written) % 10_000 == 0:
                progress(f"demo: {len(written):,} objects written")
            yield key, body

    # The list is written before objects are deleted, so that after a kill the next demo deletes
    # the rest.
    store.put_many(settings.landing_bucket, recorded(generator.items()))
    # Objects are written in parallel: these come after the ones that they repeat.
    store.put_many(settings.landing_bucket, recorded(generator.repeats))
    listing.write_text("\n".join(sorted(former | kept | set(written))) + "\n", encoding="utf-8")
    store.delete(settings.landing_bucket, sorted(former - set(written)))
    listing.write_text("\n".join(sorted(kept | set(written))) + "\n", encoding="utf-8")
    progress(f"demo: {len(written):,} objects written; computing the expected marts")
    cutoffs = {each: _cutoff_seconds(each) for each in (year - 1, year)}
    truth = folder / f"truth-{year}.json"
    content = {
        "synthetic": True,
        "parameters": {"year": year, "scale": scale, "seed": seed, "faults": faults},
        "story": world.story.as_data(),
        "years": compute(catalogue, generator.ledger, cutoffs),
    }
    truth.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return DemoSummary(
        year,
        scale,
        seed,
        faults,
        len(world.units),
        len(written),
        generator.documents,
        sum(written.values()),
        str(truth),
    )


def _year_of(key: str) -> int:
    return int(key.split("/year=", 1)[1][:4])


def _cutoff_seconds(year: int) -> int:
    return int(period_of(year).cutoff_at.timestamp())


class _Generator:
    """Generates all objects and records them in the ledger."""

    def __init__(self, world: World, seed: int, rates: Rates, *, bulk: bool) -> None:
        self.catalogue = load_catalogue()
        self.world = world
        self.seed = seed
        self.rates = rates
        self.bulk = bulk
        self.ledger = Ledger()
        self.documents = 0
        #: Documents so far of each bulk key, and those of performances that aren't written yet.
        self._sent: Counter[tuple[str, int, str]] = Counter()
        self._bundles: dict[str, list[str]] = {}
        #: Objects that use the id of another one's document, which must come first.
        self.repeats: list[Item] = []
        self.verifications = cycle(_VERIFICATIONS)
        self.years = (world.year - 1, world.year)
        self.cutoff = {year: _cutoff_seconds(year) for year in self.years}
        self.spoilers = {
            task: Spoiler(self.catalogue, task, codes) for task, codes in world.codes.items()
        }

    def items(self) -> Iterator[Item]:
        """Yield key and bytes of every object but the repeats, which are complete afterwards."""
        for year in self.years:
            yield from self._bulk_files(year)
            for unit in self.world.units:
                if unit.registered <= year:
                    yield from self._performances(unit, year)
            for key in list(self._bundles):
                yield self._finished_bundle(key)
            yield from self._rejected_objects(year)

    # -- bulk files by province -----------------------------------------------------------

    def _bulk_files(self, year: int) -> Iterator[Item]:
        by_province: dict[str, list[Unit]] = {code: [] for code in self.catalogue.regions}
        for unit in self.world.units:
            if unit.registered <= year:
                by_province[unit.province_code].append(unit)
        recognitions: list[str] = []
        for province, units in by_province.items():
            yield from self._bulk_file(
                "registration",
                year,
                province,
                [self._registration(u, year) for u in units if u.registered == year],
            )
            yield from self._bulk_file(
                "plan", year, province, [self._plan(u, year) for u in units if u.registered == year]
            )
            reviews: list[str] = []
            for unit in units:
                reviews += self._reviews(unit, year)
                if unit.recognised == year:
                    recognitions.append(
                        self._review(unit, year, "national_recognition", "approved", "000000", 70)
                    )
            yield from self._bulk_file("review", year, province, reviews)
            yield from self._bulk_file(
                "assessment",
                year,
                province,
                [text for u in units if (text := self._assessment(u, year))],
            )
            yield from self._summaries(year, province, units)
            if year < self.world.year:
                yield from self._bulk_file(
                    "verification",
                    year,
                    province,
                    [
                        self._verification(u, year)
                        for u in units
                        if u.is_expected(year)
                        and Draw(self.seed, "verified", u.code, year).happens(_VERIFIED)
                    ],
                )
        yield from self._bulk_file("review", year, "000000", recognitions)

    def _bulk_file(self, kind: str, year: int, province: str, texts: list[str]) -> Iterator[Item]:
        for part, first in enumerate(range(0, len(texts), _PER_OBJECT)):
            of_part = texts[first : first + _PER_OBJECT]
            self.ledger.objects[year, kind] += 1
            self.documents += len(of_part)
            yield _bulk_key(kind, year, province, part), json_lines(of_part)

    def _next_bulk_key(self, kind: str, year: int, province: str) -> str:
        """The key of the object that the next document of a kind, year and province goes into."""
        part = self._sent[kind, year, province] // _PER_OBJECT
        self._sent[kind, year, province] += 1
        return _bulk_key(kind, year, province, part)

    def _record(
        self,
        kind: str,
        unit_code: str,
        year: int,
        province: str,
        number: str,
        at: int,
        **content: Any,
    ) -> SentDocument:
        sent = SentDocument(
            kind,
            unit_code,
            year,
            province,
            self._next_bulk_key(kind, year, province),
            f"{kind}-{year}-{number}",
            at,
            content,
        )
        self.ledger.documents.append(sent)
        return sent

    def _common_fields(self, sent: SentDocument) -> dict[str, Any]:
        return common_fields(sent.kind, sent.document_id, iso_time(sent.submitted_at), sent.year)

    def _time(self, draw: Draw, year: int, first: int, last: int) -> int:
        """A random time between ``first`` and ``last`` days before the cut-off."""
        return self.cutoff[year] - draw.between(last * _DAY, first * _DAY)

    def _registration(self, unit: Unit, year: int) -> str:
        draw = Draw(self.seed, "registration", unit.code)
        sent = self._record(
            "registration",
            unit.code,
            year,
            unit.province_code,
            unit.code,
            self._time(draw, year, 136, 110),
            level=unit.level,
            category=unit.category,
        )
        return json_text(
            {
                **self._common_fields(sent),
                "unit_code": unit.code,
                "unit_name": unit.name,
                "task_code": unit.task_code,
                "province_code": unit.province_code,
                "city_name": unit.city,
                "level": unit.level,
                "category": unit.category,
                "lead_organisation": {"name": unit.lead_name, "type": unit.lead_type},
                "members": [
                    {"name": f"{unit.city}示例合作单位{number}", "type": "enterprise"}
                    for number in range(1, draw.between(2, 4))
                ],
                "contact": contact_of(unit.code),
            }
        )

    def _plan(self, unit: Unit, year: int) -> str:
        draw = Draw(self.seed, "plan", unit.code)
        codes = self.world.codes[unit.task_code]
        numeric = [
            index
            for index, code in enumerate(codes)
            if self.catalogue.indicators[code].value_type in {"count", "person_times", "amount"}
            and unit.values[1][index]
        ]
        chosen = draw.shuffled(numeric)[:_TARGETS]
        planned = self.catalogue.roles["planned"].code
        if codes.index(planned) not in chosen:
            chosen.append(codes.index(planned))
        usual = self.world.story.targets(unit.province_code)
        targets: dict[str, dict[str, Any]] = {}
        content: dict[int, dict[str, Any]] = {}
        for target_year, values in zip(self.years, unit.values, strict=True):
            if target_year < year:
                continue
            for index in chosen:
                value = values[index]
                if not isinstance(value, int):
                    continue
                indicator = self.catalogue.indicators[codes[index]]
                step = MILLION // 100 if indicator.value_type == "amount" else MILLION
                low, high = (940, 1060) if codes[index] == planned else usual
                target = max(value * draw.between(low, high) // 1000 // step * step, step)
                content.setdefault(target_year, {})[codes[index]] = target
                targets.setdefault(str(target_year), {})[codes[index]] = plain_value(target)
        if chosen and draw.happens(self.rates.bad_target):
            code = codes[chosen[0]]
            targets[str(year)][code] = "约200"
            content[year][code] = None
            self.ledger.faults[year, "bad_target"] += 1
        sent = self._record(
            "plan",
            unit.code,
            year,
            unit.province_code,
            unit.code,
            self._time(draw, year, 109, 90),
            targets=content,
        )
        return json_text(
            {
                **self._common_fields(sent),
                "unit_code": unit.code,
                "targets": targets,
                "evidence": [],
            }
        )

    def _reviews(self, unit: Unit, year: int) -> list[str]:
        found = []
        decision = unit.recommended.get(year)
        if decision:
            found.append(
                self._review(
                    unit, year, "provincial_recommendation", decision, unit.province_code, 80
                )
            )
        if unit.warned == year:
            found.append(self._review(unit, year, "warning", "approved", unit.province_code, 40))
        if unit.removed == year:
            found.append(self._review(unit, year, "removal", "approved", unit.province_code, 30))
        return found

    def _review(
        self, unit: Unit, year: int, stage: str, decision: str, sender: str, days: int
    ) -> str:
        draw = Draw(self.seed, "review", unit.code, stage, year)
        at = self._time(draw, year, days + 8, days)
        sent = self._record(
            "review",
            unit.code,
            year,
            sender,
            f"{unit.code}-{stage}",
            at,
            stage=stage,
            decision=decision,
        )
        return json_text(
            {
                **self._common_fields(sent),
                "unit_code": unit.code,
                "stage": stage,
                "decision": decision,
                "decided_on": iso_time(at)[:10],
                "authority": "教育部（示例）" if sender == "000000" else "省级教育行政部门（示例）",
                "note": None,
            }
        )

    def _assessment(self, unit: Unit, year: int) -> str | None:
        draw = Draw(self.seed, "assessment", unit.code, year)
        if not unit.is_expected(year) or draw.happens(self.rates.not_assessed):
            return None
        tenths = min(995, 700 + draw.below(160) + draw.below(160))
        if draw.happens(12):
            tenths = draw.between(400, 599)
        lenient = self.world.story.lenient_score(unit.province_code, draw)
        tenths = tenths if lenient is None else lenient
        late = draw.happens(self.rates.late_assessment)
        at = self.cutoff[year] + draw.between(1, 5 * _DAY) if late else self._time(draw, year, 6, 1)
        if late:
            self.ledger.faults[year, "late_assessment"] += 1
        grade = next(name for least, name in _GRADES if tenths >= least)
        sent = self._record(
            "assessment",
            unit.code,
            year,
            unit.province_code,
            unit.code,
            at,
            score=tenths * MILLION // 10,
            grade=grade,
        )
        return json_text(
            {
                **self._common_fields(sent),
                "unit_code": unit.code,
                "score": tenths / 10,
                "grade": grade,
                "comment": None,
            }
        )

    def _verification(self, unit: Unit, year: int) -> str:
        """A verification of the year's data in the next spring; the truth knows nothing of it."""
        result, findings, requirement, due, closed = next(self.verifications)
        at = self.cutoff[year] + Draw(self.seed, "spring", unit.code).between(100, 160) * _DAY

        def day(after: int | None) -> str | None:
            return None if after is None else iso_time(at + after * _DAY)[:10]

        return json_text(
            {
                **common_fields(
                    "verification", f"verification-{year}-{unit.code}", iso_time(at), year
                ),
                "unit_code": unit.code,
                "verified_on": day(0),
                "result": result,
                "findings": findings,
                "requirement": requirement,
                "due_on": day(due),
                "closed_on": day(closed),
            }
        )

    def _summaries(self, year: int, province: str, units: list[Unit]) -> Iterator[Item]:
        texts = []
        for task in sorted({u.task_code for u in units if u.is_expected(year)}):
            draw = Draw(self.seed, "summary", province, task, year)
            if draw.happens(self.rates.no_summary):
                self.ledger.faults[year, "no_summary"] += 1
                continue
            body, sha = report_pdf(f"Synthetic summary {province} {task} {year}")
            name = f"attachments/year={year}/province={province}/summaries/{task}.pdf"
            yield name, body
            sent = self._record(
                "provincial_summary",
                f"{task}/{province}",
                year,
                province,
                f"{task}-{province}",
                self._time(draw, year, 5, 1),
            )
            texts.append(
                json_text(
                    {
                        **self._common_fields(sent),
                        "province_code": province,
                        "task_code": task,
                        "report": {"object_key": name, "sha256": sha, "pages": 1},
                        "highlight": None,
                    }
                )
            )
        yield from self._bulk_file("provincial_summary", year, province, texts)

    # -- performances ---------------------------------------------------------------------

    def _performances(self, unit: Unit, year: int) -> Iterator[Item]:
        draw = Draw(self.seed, "performance", unit.code, year)
        rates, faults, cutoff = self._rates(unit, year), self.ledger.faults, self.cutoff[year]
        if not unit.is_expected(year) and not draw.happens(rates.unexpected):
            return
        if draw.happens(rates.missing):
            faults[year, "missing"] += 1
            return
        submission = self._submission(unit, year, draw, 1, self._time(draw, year, 55, 0))
        if draw.happens(rates.boundary):
            submission.submitted_at = cutoff - 1 + draw.below(3)
            faults[year, "boundary"] += 1
        elif draw.happens(rates.late):
            submission.submitted_at = cutoff + draw.between(1, 20 * _DAY)
            faults[year, "late"] += 1
        if draw.happens(rates.other_zone):
            submission.offset = draw.one(_ZONES)
            faults[year, "other_zone"] += 1
        body, sha = report_pdf(f"Synthetic report {unit.code} {year}")
        if draw.happens(rates.no_report):
            faults[year, "no_report"] += 1
        else:
            name = f"attachments/year={year}/province={unit.province_code}/{unit.code}/report.pdf"
            yield name, body
            submission.report = (name, sha)
        if draw.happens(rates.resubmitted):
            # An earlier report, with other values and mistakes.
            faults[year, "resubmitted"] += 1
            former = self._submission(unit, year, draw, 0, submission.submitted_at - 3600)
            former.values = [
                value + MILLION if isinstance(value, int) and value > MILLION else value
                for value in former.values
            ]
            self._spoil(unit, former, draw)
            yield from self._record_performance(unit, former)
        self._spoil(unit, submission, draw)
        yield from self._record_performance(unit, submission)
        if draw.happens(rates.late_again):
            faults[year, "late_again"] += 1
            again = self._submission(unit, year, draw, 2, cutoff + draw.between(0, 9 * _DAY))
            yield from self._record_performance(unit, again)
        key = _object_key(unit.province_code, submission)
        if draw.happens(rates.same_again):
            faults[year, "same_again"] += 1
            self._add_finding(year, unit, f"{key}_again.json", submission.document_id, "W117")
            self.repeats.append((f"{key}_again.json", self._document_bytes(unit, submission)))
        if draw.happens(rates.reused_id):
            faults[year, "reused_id"] += 1
            other = replace(submission, highlight="同一编号，另一内容。")
            self._add_finding(year, unit, f"{key}_reused.json", submission.document_id, "E108")
            self.repeats.append((f"{key}_reused.json", self._document_bytes(unit, other)))

    def _rates(self, unit: Unit, year: int) -> Rates:
        """The rates of faults of a unit's province in a year."""
        story, province = self.world.story, unit.province_code
        return story.rates(self.rates, province, is_last_year=year < self.world.year)

    def _submission(self, unit: Unit, year: int, draw: Draw, number: int, at: int) -> Submission:
        return Submission(
            unit.code,
            year,
            f"performance-{year}-{unit.code}-{number}",
            at,
            list(unit.values[self.years.index(year)]),
            highlight=highlight_of(unit.city, draw) if draw.happens(350) else None,
        )

    def _spoil(self, unit: Unit, submission: Submission, draw: Draw) -> None:
        year = submission.year
        spoiler, rates = self.spoilers[unit.task_code], self._rates(unit, year)
        if draw.happens(rates.odd_text):
            spoiler.write_unusually(submission.values, draw)
            self.ledger.faults[year, "odd_text"] += 1
        if draw.happens(rates.left_out):
            spoiler.leave_out(submission.values, draw)
            self.ledger.faults[year, "left_out"] += 1
        if draw.happens(rates.spoiled):
            self.ledger.faults[year, spoiler.spoil(submission.values, draw)] += 1
        if draw.happens(rates.extra):
            submission.extra.append(spoiler.foreign_value(draw))
            self.ledger.faults[year, "extra"] += 1

    def _document_bytes(self, unit: Unit, submission: Submission) -> bytes:
        return json_text(performance(submission, self.world.codes[unit.task_code])).encode()

    def _record_performance(self, unit: Unit, submission: Submission) -> Iterator[Item]:
        """Record a document; yield its object, or with ``bulk`` the province's if it is full."""
        self.documents += 1
        year, province = submission.year, unit.province_code
        body = self._document_bytes(unit, submission)
        if not self.bulk:
            key = _object_key(province, submission) + ".json"
            self.ledger.objects[year, "performance"] += 1
            self.ledger.performances.append((key, province, submission))
            yield key, body
            return
        key = self._next_bulk_key("performance", year, province)
        self.ledger.performances.append((key, province, submission))
        bundle = self._bundles.setdefault(key, [])
        bundle.append(body.decode())
        if len(bundle) == _PER_OBJECT:
            yield self._finished_bundle(key)

    def _finished_bundle(self, key: str) -> Item:
        self.ledger.objects[_year_of(key), "performance"] += 1
        return key, json_lines(self._bundles.pop(key))

    # -- rejected objects -------------------------------------------------------------------

    def _add_finding(
        self,
        year: int,
        unit: Unit | None,
        key: str,
        document_id: str | None,
        code: str,
        unit_code: str | None = None,
        province: str | None = None,
    ) -> None:
        self.ledger.findings.append(
            {
                "year": year,
                "province_code": province or (unit.province_code if unit else None),
                "object_key": key,
                "document_id": document_id,
                "unit_code": unit_code or (unit.code if unit else None),
                "indicator_code": None,
                "code": code,
                "severity": self.catalogue.error_codes[code].severity,
            }
        )

    def _rejected_objects(self, year: int) -> Iterator[Item]:
        """Documents that break their contract, and objects that can't be read.

        They are sent in addition to the valid reports of units, so that every demo year has every
        kind of fault and no unit loses its report.
        """
        units = [u for u in self.world.units if u.is_expected(year)]
        draw = Draw(self.seed, "rejected", year)
        if not units or not self.rates.rejected:
            return
        for kind, (code, make) in REJECTED_DOCUMENTS.items():
            for number in range(self._fault_count(self.rates.rejected, len(units))):
                unit, submission = self._extra_submission(draw, units, year, f"{kind}-{number}")
                key = f"performance/year={year}/province={unit.province_code}/{kind}-{number}.json"
                unit_code = malformed(unit.code) if kind == "malformed_unit_code" else unit.code
                self._add_finding(year, unit, key, submission.document_id, code, unit_code)
                yield self._record_rejected(
                    year, kind, key, make(submission, self.world.codes[unit.task_code])
                )
        for number in range(self._fault_count(self.rates.rejected, len(units))):
            unit, submission = self._extra_submission(draw, units, year, f"spoofed-{number}")
            others = [code for code in self.catalogue.regions if code != unit.province_code]
            sender = draw.one(others)
            key = f"performance/year={year}/province={sender}/spoofed-{number}.json"
            self._add_finding(
                year, None, key, submission.document_id, "E105", unit.code, province=sender
            )
            yield self._record_rejected(
                year, "another_province", key, self._document_bytes(unit, submission)
            )
        for number in range(self._fault_count(self.rates.rejected, len(units))):
            unit, submission = self._extra_submission(draw, units, year, f"unknown-{number}")
            # The unit is not registered: the document is taken in and doesn't count (E109).
            submission.unit_code = f"{unit.task_code}-{unit.province_code}-{90_000 + number}"
            key = f"performance/year={year}/province={unit.province_code}/unknown-{number}"
            self.ledger.performances.append((f"{key}.json", unit.province_code, submission))
            yield self._record_rejected(
                year,
                "unknown_unit",
                f"{key}.json",
                self._document_bytes(unit, submission),
                whole=False,
            )
        for kind, (code, extension, make) in BROKEN_OBJECTS.items():
            is_identified = kind in IDENTIFIED_OBJECTS
            for number in range(self._fault_count(self.rates.broken, len(units))):
                unit, submission = self._extra_submission(draw, units, year, f"{kind}-{number}")
                folder = f"performance/year={year}/province={unit.province_code}"
                key = f"{folder}/{kind}-{number}.{extension}"
                self.ledger.findings.append(
                    {
                        "year": year,
                        "province_code": unit.province_code,
                        "object_key": key,
                        "document_id": submission.document_id if is_identified else None,
                        "unit_code": unit.code if is_identified else None,
                        "indicator_code": None,
                        "code": code,
                        "severity": "error",
                    }
                )
                yield self._record_rejected(
                    year, kind, key, make(submission, self.world.codes[unit.task_code])
                )

    def _fault_count(self, per_mille: int, units: int) -> int:
        """The number of faults of one kind, at least 1; the rate is divided among the kinds."""
        return max(1, units * per_mille // 1000 // len(REJECTED_DOCUMENTS))

    def _extra_submission(
        self, draw: Draw, units: list[Unit], year: int, name: str
    ) -> tuple[Unit, Submission]:
        unit = draw.one(units)
        at = self._time(draw, year, 40, 2)
        submission = self._submission(unit, year, draw, 9, at)
        submission.document_id = f"stray-{year}-{name}"
        return unit, submission

    def _record_rejected(
        self, year: int, kind: str, key: str, body: bytes, *, whole: bool = True
    ) -> Item:
        self.ledger.faults[year, kind] += 1
        self.ledger.objects[year, "performance"] += 1
        if whole:
            self.ledger.rejected_objects.append(key)
        return key, body


def _bulk_key(kind: str, year: int, province: str, part: int) -> str:
    number = f"-{part + 1}" if part else ""
    return f"{kind}/year={year}/province={province}/{kind}s-{province}{number}.jsonl"


def _object_key(province: str, submission: Submission) -> str:
    return (
        f"performance/year={submission.year}/province={province}/"
        f"{submission.unit_code}-{submission.document_id.rpartition('-')[2]}"
    )
