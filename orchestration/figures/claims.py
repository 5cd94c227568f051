"""Claims: texts in prose that are no single figure, and how each is recomputed.

A claim's id is ``name/scope``; a name that has one claim needs no scope. The module that prints
claims also says how they are recomputed, in its constant ``CLAIMS`` (name → recomputation)::

    CLAIMS = {"watched": counts("select province_code, count(*) from lake.marts.… group by 1")}

A recomputation reads the snapshot itself. It must not use the rows and functions that the text is
made with, so that one mistake can't be in both. Only the cutting and listing of names is shared.

Belongs here: what a claim is recomputed from, and the look-up by name. Doesn't belong here: the
queries (beside the text of each claim) and the comparison with documents
(``publication.checking``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import duckdb

from orchestration.core.errors import TongbaoError
from orchestration.figures.ids import suggestion
from orchestration.figures.numbers import count

__all__ = [
    "PLACES",
    "Answers",
    "ChangedFigure",
    "Evidence",
    "Query",
    "Recomputation",
    "Recomputations",
    "Registry",
    "counts",
    "texts",
]


class ChangedFigure(Protocol):
    """A row of the change table of a correction."""

    @property
    def figure(self) -> str:
        """The figure's id."""

    @property
    def causes(self) -> Sequence[str]:
        """Codes of the causes."""

    @property
    def documents(self) -> Sequence[str]:
        """Ids of the documents that caused the change."""


@dataclass(frozen=True)
class Evidence:
    """What the claims of an edition are recomputed from.

    Attributes:
        con: a reader pinned at the snapshot.
        gate: rows of ``quality.gate_results`` about the snapshot.
        findings: suite and check → what the gate says of its finding.
        changes: the change table of a correction.
        drawable: a text → the text that a PDF prints, with 〓 for characters that its fonts lack.
    """

    con: duckdb.DuckDBPyConnection
    year: int
    gate: Sequence[Mapping[str, Any]] = ()
    findings: Mapping[str, str] = field(default_factory=dict)
    changes: Sequence[ChangedFigure] = ()
    drawable: Callable[[str], str] = str


@dataclass(frozen=True)
class Query:
    """One query of the snapshot that recomputes all claims of a name.

    Attributes:
        sql: returns scopes and their numbers or texts, or one number or text without a scope;
            ``$year`` is the year.
        nothing: text of NULL, and of a scope of ``scopes`` without a row.
        scopes: query of the scopes that may have no row; any other scope without one is unknown,
            because what is missing is neither zero nor empty.
    """

    sql: str
    nothing: str
    scopes: str = ""

    def read(self, con: duckdb.DuckDBPyConnection, year: int) -> dict[str, str]:
        """Return scope → text; the scope is empty if the query returns one value."""
        known = con.execute(self.scopes).fetchall() if self.scopes else ()
        found = {scope: self.nothing for (scope,) in known}
        rows = con.execute(self.sql, {"year": year}).fetchall()
        return found | {str(*scope): self._printed(value) for *scope, value in rows}

    def _printed(self, value: int | str | None) -> str:
        if value is None:
            return self.nothing
        return value if isinstance(value, str) else count(value)


#: The scopes of places, for ``scopes``: the nation (``-``), provinces, tasks, a province's tasks.
PLACES = (
    "select '-' as scope union all select province_code from lake.marts.dim_region "
    "union all select task_code from lake.marts.dim_task "
    "union all select province_code || '-' || task_code "
    "from lake.marts.dim_region, lake.marts.dim_task"
)


def counts(sql: str, scopes: str = "") -> Query:
    """Return the recomputation of whole numbers; a scope of ``scopes`` without a row has 0."""
    return Query(sql, "0", scopes)


def texts(sql: str, scopes: str = "") -> Query:
    """Return the recomputation of texts; a scope of ``scopes`` without a row has an empty one."""
    return Query(sql, "", scopes)


#: Takes the evidence and a scope; returns the claim's text, or None if the scope is unknown.
Recomputation = Callable[[Evidence, str], str | None]
#: Name of a claim → how it is recomputed.
Recomputations = Mapping[str, Query | Recomputation]
#: Name of a claim → scope → text, of the claims that have a query.
Answers = Mapping[str, Mapping[str, str]]


class Registry:
    """The recomputations of all claims, by name."""

    def __init__(self, groups: Iterable[Recomputations]) -> None:
        """Collect the recomputations of all modules.

        Raises:
            ValueError: two modules recompute claims of one name.
        """
        self._known: dict[str, Query | Recomputation] = {}
        for group in groups:
            twice = self._known.keys() & group.keys()
            if twice:
                raise ValueError(f"claims with two recomputations: {', '.join(sorted(twice))}")
            self._known |= group

    def read(self, con: duckdb.DuckDBPyConnection, year: int) -> Answers:
        """Run every query once.

        Args:
            con: a reader pinned at the snapshot.
        """
        return {
            name: known.read(con, year)
            for name, known in self._known.items()
            if isinstance(known, Query)
        }

    def text(self, claim: str, answers: Answers, evidence: Evidence) -> str:
        """Return the text that a claim should have.

        Args:
            answers: what :meth:`read` returned.

        Raises:
            TongbaoError: nothing recomputes the claim.
        """
        name, _, scope = claim.partition("/")
        known = self._known.get(name)
        found = None
        if isinstance(known, Query):
            own = answers[name]
            if ("" in own) == (scope == ""):  # A query returns scopes, or one value without.
                found = own.get(scope)
        elif known:
            found = known(evidence, scope)
        if found is None:
            unknown = f"claim {claim}: nothing recomputes it"
            raise TongbaoError(unknown if known else unknown + suggestion(name, self._known))
        return found
