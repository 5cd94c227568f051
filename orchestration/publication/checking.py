"""What finished documents say, held against the marts: the last look before an edition is written.

Belongs here: reading the text out of PDF, Word and HTML files, and computing every figure and
every claim in prose anew: in SQL from the pinned snapshot, or counted from the rows of
``quality.gate_results`` and of the change table. No query here is used to write a document, so
that a mistake there is not made here too; how names are cut and listed is ``wording``'s. Doesn't
belong here: what is fit to be published, and what the gate found (``gate.recount`` counts that).
"""

from __future__ import annotations

import html
import io
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from xml.etree import ElementTree

import duckdb
import pypdfium2

from orchestration import lakehouse
from orchestration.bulletin import GRAINS, Document
from orchestration.bulletin.content import (
    Bars,
    Claim,
    Figure,
    Heading,
    Paragraph,
    Run,
    Table,
    TileMap,
    blocks,
    runs,
)
from orchestration.bulletin.sections.quality_notes import UNDRAWN_NAMED
from orchestration.bulletin.wording import UNIT_NAME, clean, listed
from orchestration.core.errors import TongbaoError
from orchestration.publication.changes import Change

__all__ = ["Again", "check_documents", "read_again", "text_of"]

#: Mistakes that are named; one is enough to stop a publication.
_SHOWN = 5
_NUMBER = re.compile(r"[+−-]?[\d,]+(\.\d+)?")
_BLANK = re.compile(r"\s+")
_TAG = re.compile(r"<[^>]*>")
_MARKED = re.compile(r'data-figure="([^"]*)"[^>]*>([^<]*)<')
#: What typst sets at the top and the foot of each page.
_FURNITURE = re.compile(r"合成数据,非真实填报\(SYNTHETICDATA\)|合成数据(?!,)|—\d+—$")
#: Columns of ``marts`` that are fractions (contract §2), printed as percentages.
_FRACTIONS = ("_rate", "attainment")

#: Claim → the same said by the marts. ``{0}``, ``{1}`` are the parts of the claim after its name;
#: every query gives one text.
_NAME = "lake.marts.dim_region"
_CLAIMS: dict[str, str] = {
    # Provinces whose rate is 1, by name.
    "whole": (
        "select string_agg(r.short_name, '、' order by r.display_order) "
        f"from lake.marts.province_scorecard s join {_NAME} r using (province_code) "
        "where s.year = $year and s.{0} = 1"
    ),
    "whole_count": (
        "select count(*) from lake.marts.province_scorecard where year = $year and {0} = 1"
    ),
    "provinces": "select count(*) from lake.marts.province_scorecard where year = $year",
    "tasks": "select count(*) from lake.marts.agg_national_task where year = $year",
    # Units that sent nothing, by province.
    "silent": (
        "with n as (select province_code, count(*) as units from lake.marts.fct_unit_year "
        "where year = $year and not has_reported group by province_code) "
        "select string_agg(r.short_name || n.units || '家', '、' order by r.display_order) "
        f"from n join {_NAME} r using (province_code)"
    ),
    # Tasks × provinces that owe a summary.
    "summaries_expected": (
        "select format('{{:,}}', count(*)) from lake.marts.agg_province_task "
        "where year = $year and units_expected > 0"
    ),
    "summaries_sent": (
        "select format('{{:,}}', count(*)) from lake.marts.agg_province_task "
        "where year = $year and units_expected > 0 and has_provincial_summary"
    ),
    "summaries_lacking": (
        "with n as (select province_code, "
        "string_agg(task_code, '、' order by task_code) as tasks "
        "from lake.marts.agg_province_task where year = $year and units_expected > 0 "
        "and not has_provincial_summary group by province_code) "
        "select string_agg(r.short_name || '（' || n.tasks || '）', '；' order by r.display_order) "
        f"from n join {_NAME} r using (province_code)"
    ),
    "remarks": (
        "select format('{{:,}}', count(*)) from lake.quality.submission_errors "
        "where year = $year and severity = 'warning' and unit_code is not null"
    ),
    "remarks_explained": (
        "select format('{{:,}}', count(*)) from lake.quality.submission_errors "
        "where year = $year and severity = 'warning' and unit_code is not null "
        "and explained_by is not null"
    ),
    "targets": "select count(*) from lake.marts.agg_national_target where year = $year",
    "targets_reached": (
        "select count(*) from lake.marts.agg_national_target "
        "where year = $year and progress_rate >= 1"
    ),
}

#: The provinces in the order by a measure of the scorecard: measure, direction, only rates below 1,
#: only provinces that are ranked. The claim's last part is the place that it is about.
_ORDER = (
    "select row_number() over (order by s.{0} {1}, r.display_order), r.short_name "
    f"from lake.marts.province_scorecard s join {_NAME} r using (province_code) "
    "where s.year = $year and s.{0} is not null and (s.{0} < 1 or not {2}) "
    "and (s.is_ranked or not {3})"
)

#: Claims about a scope (a province, a task, a province's task ``440000-T05``, all: ``-``) → a query
#: of every such claim there is: what comes after its name, and what it says. A number that no row
#: has is 0, a list is empty.
_COUNTS: dict[str, str] = {
    # Provinces that owe a summary.
    "task_provinces": (
        "select task_code, count(*) from lake.marts.agg_province_task "
        "where year = $year and units_expected > 0 group by 1"
    ),
    "excluded": (
        "with s as (select unnest(['-', province_code, province_code || '-' || task_code]) "
        "as scope from lake.marts.fct_unit_indicator where year = $year and is_excluded) "
        "select scope, count(*) from s group by 1"
    ),
    # By the reason's code; "rules": every one that is a rule's.
    "excluded_by": (
        "select case when regexp_matches(exclusion_code, '^E[0-9]{3}$') then exclusion_code "
        "else 'rules' end as reason, count(*) "
        "from lake.marts.fct_unit_indicator where year = $year and is_excluded group by 1"
    ),
    # Units of a list, by state and scope.
    "units": (
        "with u as (select unnest(case when not has_reported then ['silent'] "
        "when is_on_time then [] when document_id is null then ['late', 'late_left_out'] "
        "else ['late', 'late_counted'] end) as state, province_code, task_code "
        "from lake.marts.fct_unit_year where year = $year), "
        "s as (select state, unnest(['-', province_code, task_code, "
        "province_code || '-' || task_code]) as scope from u) "
        "select state || '/' || scope as part, count(*) from s group by 1"
    ),
    "watched": (
        "select province_code || '-' || task_code as scope, count(*) "
        "from lake.marts.unit_watchlist where year = $year group by 1"
    ),
}
_TEXTS: dict[str, str] = {
    "task_summaries_lacking": (
        "select t.task_code, string_agg(r.short_name, '、' order by r.display_order) "
        f"from lake.marts.agg_province_task t join {_NAME} r using (province_code) "
        "where t.year = $year and t.units_expected > 0 and not t.has_provincial_summary group by 1"
    ),
    # Achieved and targeted, as a target's bar notes them.
    "progress": (
        "select concat_ws('/', task_code, level, coalesce(category, '-')) as part, "
        "format('{:,}/{:,}', achieved_count, target_count) "
        "from lake.marts.agg_national_target where year = $year"
    ),
    "province_summaries_lacking": (
        "select province_code, string_agg(task_code, '、' order by task_code) "
        "from lake.marts.agg_province_task "
        "where year = $year and units_expected > 0 and not has_provincial_summary group by 1"
    ),
    # A province's part of the nation's units, in hundredths of a percent, half up.
    "unit_share": (
        "with n as (select p.province_code || '-' || task_code as scope, "
        "(20000 * p.units_expected + t.units_expected) // (2 * t.units_expected) as part "
        "from lake.marts.agg_province_task p join lake.marts.agg_national_task t "
        "using (year, task_code) where year = $year and t.units_expected > 0) "
        "select scope, format('{}.{:02}%', part // 100, part % 100) from n"
    ),
}

#: Units' names and printed experience with a character in them.
_WRITTEN_WITH = (
    "select d.unit_code, d.unit_name, y.highlight from lake.marts.dim_unit d "
    "left join lake.marts.fct_unit_year y "
    "on y.year = d.year and y.unit_code = d.unit_code and y.assessment_grade = 'excellent' "
    "where d.year = $year "
    "and contains(concat(d.unit_name, nfc_normalize(d.unit_name), y.highlight), $c) "
    "order by d.unit_code"
)


@dataclass(frozen=True)
class Again:
    """What the snapshot says, read once more.

    Attributes:
        rows: mart → the rest of the grain → row.
        scopes: family of claims → what it says of each of them.
    """

    rows: dict[str, dict[tuple[str, ...], dict[str, Any]]]
    scopes: dict[str, dict[Any, Any]]


def read_again(con: duckdb.DuckDBPyConnection, year: int) -> Again:
    """Read what figures and claims about a scope are compared with.

    Args:
        con: a reader pinned at the snapshot.
    """
    rows: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {}
    for table, grain in GRAINS.items():
        cursor = con.execute(f"select * from lake.marts.{table} where year = ?", [year])
        names = [each[0] for each in cursor.description or []]
        read = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        rows[table] = {tuple(str(row[n] or "-") for n in grain): row for row in read}
    scopes = {
        family: dict(con.execute(query, {"year": year}).fetchall())
        for family, query in (_COUNTS | _TEXTS).items()
    }
    return Again(rows, scopes)


@dataclass
class _Marts:
    """Figures and claims as the snapshot has them; claims about no scope are asked on demand."""

    con: duckdb.DuckDBPyConnection
    year: int
    counted: Mapping[str, str]
    drawable: Callable[[str], str]
    rows: Mapping[str, dict[tuple[str, ...], dict[str, Any]]]
    scopes: dict[str, dict[Any, Any]]
    claims: dict[str, str] = field(default_factory=dict)
    #: The nation's figures stand in hundreds of documents.
    right: set[tuple[str, str]] = field(default_factory=set)

    def figure(self, figure_id: str) -> Any:
        """The value that a figure names.

        Raises:
            TongbaoError: there is no such row.
        """
        year, table, *key, column = figure_id.split("/")
        row = self.rows.get(table, {}).get(tuple(key))
        if row is None or int(year) != self.year:
            raise TongbaoError(f"figure {figure_id}: the marts have no such row")
        parts = [row[name] for name in column.split("-")]
        if None in parts:
            return None
        return parts[0] if len(parts) == 1 else parts[0] - parts[1]

    def bears_out(self, figure: Figure) -> bool:
        """Whether a figure is printed as it is."""
        said = (figure.id, figure.text)
        if said not in self.right and _prints(figure, self.figure(figure.id)):
            self.right.add(said)
        return said in self.right

    def claim(self, claim: str) -> str:
        """What a claim should say."""
        if claim in self.counted:
            return self.counted[claim]
        name, _, scope = claim.partition("/")
        if name in _CLAIMS:
            if claim not in self.claims:
                query = _CLAIMS[name].format(*scope.split("/"))
                found = self.con.execute(query, {"year": self.year}).fetchone()
                self.claims[claim] = "" if not found or found[0] is None else str(found[0])
            return self.claims[claim]
        if name == "place":
            order, _, place = scope.rpartition("/")
            said = self._said(claim.removesuffix(place), _ORDER.format(*order.split("/")))
            return said.get(int(place), "")
        if name == "undrawn":
            return self._undrawn(chr(int(scope, 16)))
        if name not in _COUNTS and name not in _TEXTS:
            return ""  # of the gate or the change table, which have no such thing
        said = self.scopes[name]
        return f"{said.get(scope, 0):,}" if name in _COUNTS else said.get(scope, "")

    def _undrawn(self, character: str) -> str:
        """The units in whose words, as they are printed, a character is that no font draws."""
        if self.drawable(character) == character:
            return ""
        rows = self.con.execute(_WRITTEN_WITH, {"year": self.year, "c": character}).fetchall()
        return listed(
            [
                code
                for code, name, highlight in rows
                if character in clean(name, UNIT_NAME) or character in (highlight or "")
            ],
            UNDRAWN_NAMED,
        )

    def _said(self, family: str, query: str) -> dict[Any, Any]:
        """What a query says of every claim of a family, asked once."""
        if family not in self.scopes:
            self.scopes[family] = dict(self.con.execute(query, {"year": self.year}).fetchall())
        return self.scopes[family]


def check_documents(
    con: duckdb.DuckDBPyConnection,
    year: int,
    documents: Iterable[Document],
    files: Mapping[str, bytes],
    fresh: Iterable[str],
    drawable: Callable[[str], str] = str,
    *,
    gate: Sequence[Mapping[str, Any]] = (),
    findings: Mapping[str, str] | None = None,
    changes: Sequence[Change] = (),
    again: Again | None = None,
) -> int:
    """Compute what documents say anew and look for it in their files.

    Args:
        con: a reader pinned at the snapshot.
        files: of the edition; pages that no document is (of the site) are read for their figures.
        fresh: paths of files that were rendered now; others were checked when they were.
        drawable: what a PDF prints of a text: 〓 for what its fonts lack.
        gate: rows of ``quality.gate_results`` about the snapshot.
        findings: suite and check → what the gate found, counted once more.
        changes: the change table of a correction.
        again: what the snapshot says, if it was read already.

    Returns:
        how many figures and claims were compared.

    Raises:
        TongbaoError: a figure or a claim is not what the marts say, or a file doesn't say it.
    """
    found = {f"finding/{check}": text for check, text in (findings or {}).items()}
    counted = _of_gate(gate) | _of_changes(con, changes) | found
    again = again or read_again(con, year)
    marts = _Marts(con, year, counted, drawable, again.rows, dict(again.scopes))
    to_read: dict[str, list[str]] = {}
    for path in fresh:
        stem, _, extension = path.rpartition(".")
        to_read.setdefault(stem, []).append(extension)
    compared = 0
    wrong: list[str] = []
    own_pages: set[str] = set()
    for document in documents:
        own_pages.add(f"{document.path}.html")
        for run in _runs(document):
            if isinstance(run, Figure):
                compared += 1
                if not marts.bears_out(run):
                    wrong.append(f"{document.path}: {run.id} is printed as {run.text}")
            elif isinstance(run, Claim):
                compared += 1
                if run.text != marts.claim(run.claim):
                    wrong.append(
                        f"{document.path}: {run.claim}: it says {run.text}, "
                        f"the marts {marts.claim(run.claim)}"
                    )
        for extension in to_read.get(document.path, ()):
            text = text_of(extension, files[f"{document.path}.{extension}"])
            lost = _lost(document, text, drawable if extension == "pdf" else str)
            wrong += [f"{document.path}.{extension} doesn't say: {said}" for said in lost]
        if len(wrong) >= _SHOWN:
            break
    for path in sorted(path for path in files if path.endswith(".html") and path not in own_pages):
        for figure in _figures_of(files[path].decode()):
            compared += 1
            if not marts.bears_out(figure):
                wrong.append(f"{path}: {figure.id} is printed as {figure.text}")
    if wrong:
        raise TongbaoError(
            "documents don't say what the marts say, nothing is published: "
            + "; ".join(wrong[:_SHOWN])
        )
    return compared


def _of_gate(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What the bulletin says of the gate."""
    failed = [row for row in rows if not row["success"]]
    warned = [row for row in failed if row["severity"] == "warning" and not row["waived_by"]]
    waived = [row for row in failed if row["severity"] == "critical" and row["waived_by"]]
    return {
        "gate/checks": str(len(rows)),
        "gate/warned": str(len(warned)),
        "gate/waived": str(len(waived)),
        "gate/critical": "没有全部通过" if lakehouse.blocks(rows) else "全部通过",
    }


def _of_changes(con: duckdb.DuckDBPyConnection, changes: Sequence[Change]) -> dict[str, str]:
    """What the notice of a correction says of its table, by the figures' ids."""
    names: dict[str, str] = dict(
        con.execute(
            f"select province_code, short_name from {_NAME} order by display_order"
        ).fetchall()
    )
    figures = [change for change in changes if not change.figure.endswith("_rank")]
    provinces = {
        change.figure.split("/")[2] for change in figures if "/agg_province_" in change.figure
    }
    causes = Counter(cause for change in figures for cause in change.causes)
    counts = {
        "changed/figures": len(figures),
        "changed/ranks": len(changes) - len(figures),
        "changed/national": sum("national" in change.figure.split("/")[1] for change in figures),
        "changed/documents": len({name for change in changes for name in change.documents}),
    } | {f"changed_by/{cause}": number for cause, number in causes.items()}
    return {claim: f"{number:,}" for claim, number in counts.items()} | {
        "changed/provinces": "、".join(name for code, name in names.items() if code in provinces)
    }


def _prints(figure: Figure, value: Any) -> bool:
    """Whether the text is the value, rounded half up to as many places as are printed."""
    match = _NUMBER.match(figure.text)
    if value is None or match is None:
        return value is None and match is None
    printed = Decimal(match.group().replace(",", "").replace("−", "-"))
    exact = Decimal(value) * (100 if figure.id.endswith(_FRACTIONS) else 1)
    places = max(0, -int(printed.as_tuple().exponent))
    return exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP) == printed


def _figures_of(page: str) -> Iterable[Figure]:
    """What a finished page marks as a figure."""
    for figure_id, text in _MARKED.findall(page):
        yield Figure(html.unescape(figure_id), html.unescape(text).strip())


def _runs(document: Document) -> Iterable[Run]:
    for block in blocks(document):
        yield from runs(block)


# -- finished files -----------------------------------------------------------------------------


def text_of(extension: str, body: bytes) -> str:
    """All text of a finished file without blanks, in reading order.

    Args:
        extension: ``pdf``, ``docx`` or ``html``.
    """
    if extension == "pdf":
        return "".join(_FURNITURE.sub("", _folded(page)) for page in _pdf_pages(body))
    if extension == "docx":
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            # This process wrote it: the parser in C, without the guards for strangers' XML.
            tree = ElementTree.fromstring(packed.read("word/document.xml"))  # noqa: S314
        return _folded("".join(node.text or "" for node in tree.iter() if node.tag.endswith("}t")))
    page = body.decode()
    page = page[page.index("<main") :]
    return _folded(html.unescape(_TAG.sub("", page)))


def _pdf_pages(body: bytes) -> Iterable[str]:
    document = pypdfium2.PdfDocument(body)
    try:
        for page in document:
            text = page.get_textpage()
            # A hyphen at a line's end, as PDFium says it.
            yield text.get_text_bounded().replace("\x02", "-")
            text.close()
            page.close()
    finally:
        document.close()


def _folded(text: str) -> str:
    """Without blanks; compatibility forms (a PDF's ligatures, radicals) as the letters they are."""
    return _BLANK.sub("", unicodedata.normalize("NFKC", text).replace("\ufffe", ""))


#: A row that is broken over two pages comes out with the next page's head between its cells.
_PAGE_HEAD = 300


def _lost(document: Document, text: str, drawable: Callable[[str], str]) -> list[str]:
    """What a document says and its file does not: headings, paragraphs, rows, charts."""
    lost: list[str] = []
    at = 0
    for block in blocks(document):
        if isinstance(block, Heading | Paragraph):
            said = _folded(drawable("".join(map(_text, block.runs))))
            found = text.find(said, at)
            if found < 0:
                lost.append(said[:60])
            else:
                at = found + len(said)
        elif isinstance(block, TileMap):
            # Word has them row by row.
            places = {
                tile: text.find(_folded(tile.name + _text(tile.figure)), at) for tile in block.tiles
            }
            lost += [
                f"{tile.name} {_text(tile.figure)}" for tile, found in places.items() if found < 0
            ]
            at = max(at, *places.values())
        else:
            for row in _rows(block):
                end = _row_end(tuple(drawable(_text(run)) for run in row), row, text, at)
                if end is None:
                    lost.append(" | ".join(map(_text, row))[:60])
                else:
                    at = end
    return lost


def _rows(block: Table | Bars) -> Iterable[tuple[Run, ...]]:
    if isinstance(block, Table):
        return block.rows
    return ((bar.label, bar.figure, bar.note) for bar in block.bars)


def _row_end(cells: tuple[str, ...], row: tuple[Run, ...], text: str, at: int) -> int | None:
    """Where a row of a table ends in the text after ``at``; None where it isn't there."""
    said = _folded("".join(cells))
    found = text.find(said, at)
    if found >= 0:
        return found + len(said)
    start = text.find(_folded(cells[0])[:8], at)
    if start < 0:
        return None
    window = start + len(said) + _PAGE_HEAD
    for run in row:
        if isinstance(run, Figure):
            figure = _folded(run.text)
            start = text.find(figure, start, window)
            if start < 0:
                return None
            start += len(figure)
    return start


def _text(run: Run) -> str:
    return run if isinstance(run, str) else run.text
