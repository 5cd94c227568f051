"""Compares finished documents with the marts, as the last check before an edition is written.

Belongs here: reading the text of PDF, Word and HTML files, and recomputing every figure and every
claim in prose, in SQL from the pinned snapshot or by counting rows of ``quality.gate_results`` and
of the change table. Queries here are written independently of those that the documents are made
with, so that one mistake can't be in both; only ``wording`` is shared, for cutting and listing
names. Doesn't belong here: whether a year may be published, and judging (``gate``).
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
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import duckdb
import pypdfium2

from orchestration import lakehouse
from orchestration.bulletin import Document
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
from orchestration.figures.dictionary import figure_grains
from orchestration.figures.ids import row_key
from orchestration.figures.numbers import half_up
from orchestration.figures.printing import is_fraction
from orchestration.lakehouse.rows import rows_as_dicts
from orchestration.publication.changes import Change

__all__ = ["MartFacts", "check_documents", "read_facts", "text_of"]

#: Mistakes listed in the error message; one is enough to stop a publication.
_LISTED = 5
_NUMBER = re.compile(r"[+−-]?[\d,]+(\.\d+)?")
_BLANK = re.compile(r"\s+")
_TAG = re.compile(r"<[^>]*>")
_MARKED = re.compile(r'data-figure="([^"]*)"[^>]*>([^<]*)<')
#: Header and footer of each page, as typst sets them.
_HEADER_OR_FOOTER = re.compile(r"合成数据,非真实填报\(SYNTHETICDATA\)|合成数据(?!,)|—\d+—$")

_NAME = "lake.marts.dim_region"
#: Name of a claim → query of its text. ``{0}``, ``{1}`` are the parts of the claim after its name;
#: every query returns one text.
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
    # Number of units that reported nothing, by province.
    "silent": (
        "with n as (select province_code, count(*) as units from lake.marts.fct_unit_year "
        "where year = $year and not has_reported group by province_code) "
        "select string_agg(r.short_name || n.units || '家', '、' order by r.display_order) "
        f"from n join {_NAME} r using (province_code)"
    ),
    # Number of pairs of task and province from which a summary is expected.
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

#: Provinces ordered by a measure of the scorecard. Parameters: measure, direction, whether only
#: rates below 1 count, whether only ranked provinces count. The claim's last part is the place.
_ORDER = (
    "select row_number() over (order by s.{0} {1}, r.display_order), r.short_name "
    f"from lake.marts.province_scorecard s join {_NAME} r using (province_code) "
    "where s.year = $year and s.{0} is not null and (s.{0} < 1 or not {2}) "
    "and (s.is_ranked or not {3})"
)

#: Name of a claim about a scope → query of all its claims: the part after the name, and the text.
#: A scope is a province, a task, a province's task (``440000-T05``) or the nation (``-``). A scope
#: without a row has the number 0 or an empty list.
_COUNTS: dict[str, str] = {
    # Number of provinces from which a summary is expected.
    "task_provinces": (
        "select task_code, count(*) from lake.marts.agg_province_task "
        "where year = $year and units_expected > 0 group by 1"
    ),
    "excluded": (
        "with s as (select unnest(['-', province_code, province_code || '-' || task_code]) "
        "as scope from lake.marts.fct_unit_indicator where year = $year and is_excluded) "
        "select scope, count(*) from s group by 1"
    ),
    # By error code; "rules" counts exclusions by any cross-check rule.
    "excluded_by": (
        "select case when regexp_matches(exclusion_code, '^E[0-9]{3}$') then exclusion_code "
        "else 'rules' end as reason, count(*) "
        "from lake.marts.fct_unit_indicator where year = $year and is_excluded group by 1"
    ),
    # Number of units by reporting state and scope.
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
    # Achieved and target counts, as the note of a target's bar prints them.
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
    # A province's share of all units in percent, with two decimals rounded half up.
    "unit_share": (
        "with n as (select p.province_code || '-' || task_code as scope, "
        "(20000 * p.units_expected + t.units_expected) // (2 * t.units_expected) as part "
        "from lake.marts.agg_province_task p join lake.marts.agg_national_task t "
        "using (year, task_code) where year = $year and t.units_expected > 0) "
        "select scope, format('{}.{:02}%', part // 100, part % 100) from n"
    ),
}

#: Units whose name or printed highlight contains a character.
_UNITS_WITH_CHARACTER = (
    "select d.unit_code, d.unit_name, y.highlight from lake.marts.dim_unit d "
    "left join lake.marts.fct_unit_year y "
    "on y.year = d.year and y.unit_code = d.unit_code and y.assessment_grade = 'excellent' "
    "where d.year = $year "
    "and contains(concat(d.unit_name, nfc_normalize(d.unit_name), y.highlight), $c) "
    "order by d.unit_code"
)


@dataclass(frozen=True)
class MartFacts:
    """What figures and claims are compared with, read from the snapshot.

    Attributes:
        rows: mart → key (the grain without the year) → row.
        scopes: name of a claim → scope → text or number.
    """

    rows: dict[str, dict[tuple[str, ...], dict[str, Any]]]
    scopes: dict[str, dict[Any, Any]]


def read_facts(con: duckdb.DuckDBPyConnection, year: int) -> MartFacts:
    """Read what figures, and claims about a scope, are compared with.

    Args:
        con: a reader pinned at the snapshot.
    """
    rows: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {}
    for table, grain in figure_grains().items():
        read = rows_as_dicts(
            con.execute(f"select * from lake.marts.{table} where year = ?", [year])
        )
        rows[table] = {row_key(row, grain): row for row in read}
    scopes = {
        family: dict(con.execute(query, {"year": year}).fetchall())
        for family, query in (_COUNTS | _TEXTS).items()
    }
    return MartFacts(rows, scopes)


@dataclass
class _Comparison:
    """Compares figures and claims with the snapshot; claims without a scope are queried on demand.

    Attributes:
        counted: claim → text, of claims about the gate, the change table and findings.
        drawable: a text → the text that a PDF prints.
        rows, scopes: as in :class:`MartFacts`.
        claims: claim → text, of the claims queried so far.
        correct: id and text of the figures that were correct; the national figures are printed in
            hundreds of documents.
    """

    con: duckdb.DuckDBPyConnection
    year: int
    counted: Mapping[str, str]
    drawable: Callable[[str], str]
    rows: Mapping[str, dict[tuple[str, ...], dict[str, Any]]]
    scopes: dict[str, dict[Any, Any]]
    claims: dict[str, str] = field(default_factory=dict)
    correct: set[tuple[str, str]] = field(default_factory=set)

    def figure(self, figure_id: str) -> Any:
        """The value of a figure.

        Args:
            figure_id: ``year/mart/key…/column``, or ``column-column`` for a difference.

        Raises:
            TongbaoError: the marts have no such row.
        """
        year, table, *key, column = figure_id.split("/")
        row = self.rows.get(table, {}).get(tuple(key))
        if row is None or int(year) != self.year:
            raise TongbaoError(f"figure {figure_id}: the marts have no such row")
        parts = [row[name] for name in column.split("-")]
        if None in parts:
            return None
        return parts[0] if len(parts) == 1 else parts[0] - parts[1]

    def is_correct(self, figure: Figure) -> bool:
        """Whether the printed text is the figure's value."""
        printed = (figure.id, figure.text)
        if printed not in self.correct and _prints(figure, self.figure(figure.id)):
            self.correct.add(printed)
        return printed in self.correct

    def claim(self, claim: str) -> str:
        """The text that a claim should have; empty if it has none."""
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
            query = _ORDER.format(*order.split("/"))
            places = self._query_once(claim.removesuffix(place), query)
            return places.get(int(place), "")
        if name == "undrawn":
            return self._undrawn(chr(int(scope, 16)))
        if name not in _COUNTS and name not in _TEXTS:
            return ""  # A claim about the gate or the change table that ``counted`` doesn't have.
        texts = self.scopes[name]
        return f"{texts.get(scope, 0):,}" if name in _COUNTS else texts.get(scope, "")

    def _undrawn(self, character: str) -> str:
        """List the units whose printed texts contain a character that no font can draw."""
        if self.drawable(character) == character:
            return ""
        rows = self.con.execute(
            _UNITS_WITH_CHARACTER, {"year": self.year, "c": character}
        ).fetchall()
        return listed(
            [
                code
                for code, name, highlight in rows
                if character in clean(name, UNIT_NAME) or character in (highlight or "")
            ],
            UNDRAWN_NAMED,
        )

    def _query_once(self, family: str, query: str) -> dict[Any, Any]:
        """The rows of a query with two columns, cached under ``family``."""
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
    facts: MartFacts | None = None,
) -> int:
    """Recompute the figures and claims of documents and look for their text in the files.

    Args:
        con: a reader pinned at the snapshot.
        files: path → bytes of the edition's files; of HTML pages that are no document (the site's)
            the marked figures are compared.
        fresh: paths of the files rendered in this run; carried-over files were checked before.
        drawable: a text → the text that a PDF prints, with 〓 for characters that its fonts lack.
        gate: rows of ``quality.gate_results`` about the snapshot.
        findings: suite and check → what the gate says of its finding.
        changes: the change table of a correction.
        facts: what :func:`read_facts` returned, if it was called before.

    Returns:
        the number of figures and claims compared.

    Raises:
        TongbaoError: a figure or a claim differs from the marts, or is missing in a file.
    """
    found = {f"finding/{check}": text for check, text in (findings or {}).items()}
    counted = _gate_claims(gate) | _change_claims(con, changes) | found
    facts = facts or read_facts(con, year)
    marts = _Comparison(con, year, counted, drawable, facts.rows, dict(facts.scopes))
    to_read: dict[str, list[str]] = {}
    for path in fresh:
        stem, _, extension = path.rpartition(".")
        to_read.setdefault(stem, []).append(extension)
    compared = 0
    wrong: list[str] = []
    document_pages: set[str] = set()
    for document in documents:
        document_pages.add(f"{document.path}.html")
        for run in _document_runs(document):
            if isinstance(run, Figure):
                compared += 1
                if not marts.is_correct(run):
                    wrong.append(f"{document.path}: {run.id} is printed as {run.text}")
            elif isinstance(run, Claim):
                compared += 1
                if run.text != marts.claim(run.claim):
                    wrong.append(
                        f"{document.path}: {run.claim} is printed as {run.text}, "
                        f"the marts have {marts.claim(run.claim)}"
                    )
        for extension in to_read.get(document.path, ()):
            text = text_of(extension, files[f"{document.path}.{extension}"])
            missing = _missing_texts(document, text, drawable if extension == "pdf" else str)
            wrong += [f"{document.path}.{extension} doesn't contain: {each}" for each in missing]
        if len(wrong) >= _LISTED:
            break
    for path in sorted(
        path for path in files if path.endswith(".html") and path not in document_pages
    ):
        for figure in _marked_figures(files[path].decode()):
            compared += 1
            if not marts.is_correct(figure):
                wrong.append(f"{path}: {figure.id} is printed as {figure.text}")
    if wrong:
        raise TongbaoError(
            "documents differ from the marts, nothing is published: " + "; ".join(wrong[:_LISTED])
        )
    return compared


def _gate_claims(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Claim → text, of the claims about the gate."""
    failed = [row for row in rows if not row["success"]]
    warned = [row for row in failed if row["severity"] == "warning" and not row["waived_by"]]
    waived = [row for row in failed if row["severity"] == "critical" and row["waived_by"]]
    return {
        "gate/checks": str(len(rows)),
        "gate/warned": str(len(warned)),
        "gate/waived": str(len(waived)),
        "gate/critical": "没有全部通过" if lakehouse.blocks(rows) else "全部通过",
    }


def _change_claims(con: duckdb.DuckDBPyConnection, changes: Sequence[Change]) -> dict[str, str]:
    """Claim → text, of a correction notice's claims, counted from the ids in the change table."""
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
    """Whether the figure's text is the value, rounded half up to the printed decimals."""
    match = _NUMBER.match(figure.text)
    if value is None or match is None:
        return value is None and match is None
    printed = Decimal(match.group().replace(",", "").replace("−", "-"))
    exact = Decimal(value) * (100 if is_fraction(figure.id) else 1)
    places = max(0, -int(printed.as_tuple().exponent))
    return half_up(exact, places) == printed


def _marked_figures(page: str) -> Iterable[Figure]:
    """The figures that an HTML page marks with ``data-figure``."""
    for figure_id, text in _MARKED.findall(page):
        yield Figure(html.unescape(figure_id), html.unescape(text).strip())


def _document_runs(document: Document) -> Iterable[Run]:
    for block in blocks(document):
        yield from runs(block)


# -- finished files -----------------------------------------------------------------------------


def text_of(extension: str, body: bytes) -> str:
    """All text of a finished file in reading order, folded and without white space.

    Args:
        extension: ``pdf``, ``docx`` or ``html``.
    """
    if extension == "pdf":
        return "".join(_HEADER_OR_FOOTER.sub("", _folded(page)) for page in _pdf_pages(body))
    if extension == "docx":
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            # This process wrote the file: the parser needs no guards against hostile XML.
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
            # PDFium returns a hyphen at the end of a line as \x02.
            yield text.get_text_bounded().replace("\x02", "-")
            text.close()
            page.close()
    finally:
        document.close()


def _folded(text: str) -> str:
    """Remove white space and replace compatibility forms (ligatures, radicals) by letters."""
    return _BLANK.sub("", unicodedata.normalize("NFKC", text).replace("\ufffe", ""))


#: A row broken over two pages has the next page's table header between its cells. This is how many
#: characters of it are allowed.
_HEADER_LENGTH = 300


def _missing_texts(document: Document, text: str, drawable: Callable[[str], str]) -> list[str]:
    """Headings, paragraphs, rows and chart labels of a document that its file doesn't contain."""
    missing: list[str] = []
    at = 0
    for block in blocks(document):
        if isinstance(block, Heading | Paragraph):
            expected = _folded(drawable("".join(map(_run_text, block.runs))))
            found = text.find(expected, at)
            if found < 0:
                missing.append(expected[:60])
            else:
                at = found + len(expected)
        elif isinstance(block, TileMap):
            # Tiles may be in any order: Word has them row by row.
            places = {
                tile: text.find(_folded(tile.name + _run_text(tile.figure)), at)
                for tile in block.tiles
            }
            missing += [
                f"{tile.name} {_run_text(tile.figure)}"
                for tile, found in places.items()
                if found < 0
            ]
            at = max(at, *places.values())
        else:
            for row in _table_rows(block):
                end = _row_end(tuple(drawable(_run_text(run)) for run in row), row, text, at)
                if end is None:
                    missing.append(" | ".join(map(_run_text, row))[:60])
                else:
                    at = end
    return missing


def _table_rows(block: Table | Bars) -> Iterable[tuple[Run, ...]]:
    if isinstance(block, Table):
        return block.rows
    return ((bar.label, bar.figure, bar.note) for bar in block.bars)


def _row_end(cells: tuple[str, ...], row: tuple[Run, ...], text: str, at: int) -> int | None:
    """The position after a table row's text, searched from ``at``; None if it isn't there."""
    expected = _folded("".join(cells))
    found = text.find(expected, at)
    if found >= 0:
        return found + len(expected)
    start = text.find(_folded(cells[0])[:8], at)
    if start < 0:
        return None
    window = start + len(expected) + _HEADER_LENGTH
    for run in row:
        if isinstance(run, Figure):
            figure = _folded(run.text)
            start = text.find(figure, start, window)
            if start < 0:
                return None
            start += len(figure)
    return start


def _run_text(run: Run) -> str:
    return run if isinstance(run, str) else run.text
