"""Sends the letters of a day and records them.

A letter is recorded before it is sent, and its outcome afterwards. If the process is killed in
between, nobody gets a second letter on that day; the letters without an outcome are sent on the
next day.

Belongs here: the order of these steps, and the addresses of provinces. Doesn't belong here: the
lake's connections (``stages``).
"""

from __future__ import annotations

import csv
import logging
import smtplib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.core.catalogue import load_catalogue
from orchestration.core.errors import TongbaoError, UsageError
from orchestration.core.reporting_calendar import SHANGHAI
from orchestration.core.settings import Mail, Settings
from orchestration.lakehouse.rows import rows_as_dicts
from orchestration.lakehouse.snapshots import set_commit_message
from orchestration.lakehouse.tables import OTHER_TABLES, insert_rows, utc_naive
from orchestration.mail import MAIL_ERRORS, failure_reason, mail_session, server_name
from orchestration.storage import Store
from orchestration.telling.letters import Letter, Told, digest_letter, mail_message, unit_letter
from orchestration.telling.states import (
    DELIVERED,
    UnitState,
    is_address,
    reasons_of,
    unit_states,
)

__all__ = ["TABLE", "ToldSummary", "tell_senders"]

_log = logging.getLogger(__name__)

TABLE = "publication.letters"
#: Opens a connection to the lake for a ``with`` block.
Connect = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]

_LETTERS = "select * from lake.publication.letters where year = ?"
_VERSION = "select figures_version from lake.quality.transform_runs where year = ?"
#: What was told last comes last.
_ORDER = "order by told_at, outcome = 'nothing'"
#: The digests as they stand: province, key of the page, and a digest of its content, which begins
#: with its day.
_DIGESTS = (
    "select province_code, page, digest from lake.publication.receipt_pages "
    "where year = ? and page like '%/digest.html' order by province_code"
)


@dataclass(frozen=True)
class ToldSummary:
    """The letters of a day, without addresses.

    Attributes:
        sends: False for a dry run: nothing was sent or recorded.
        letters: to units and provinces.
        outcomes: outcome → number of letters (``sent``, ``refused``, ``failed``).
        unaddressed: codes of the units with something to tell and no usable address.
        postponed: number of units whose contact has got today's letter already.
        synthetic: number of made-up units with something to tell, who get no letter.
    """

    year: int
    sends: bool
    letters: tuple[Letter, ...]
    outcomes: Mapping[str, int]
    unaddressed: tuple[str, ...]
    postponed: int
    synthetic: int

    @property
    def line(self) -> str:
        """One line."""
        done = ", ".join(f"{number} {name}" for name, number in sorted(self.outcomes.items()))
        what = done or "none" if self.sends else f"{len(self.letters)} would be sent (dry run)"
        more = [
            f"{len(self.unaddressed)} units have no usable address" if self.unaddressed else "",
            f"{self.postponed} units wait until tomorrow" if self.postponed else "",
            f"{self.synthetic} synthetic units get none" if self.synthetic else "",
        ]
        return "; ".join([f"letters {self.year}: {what}", *filter(None, more)])

    @property
    def lines(self) -> list[str]:
        """Lines to print on a terminal: of a dry run every letter."""
        texts = [] if self.sends else [line for each in self.letters for line in each.lines]
        return [*texts, self.line]

    def as_json(self) -> dict[str, Any]:
        """The summary as JSON values."""
        return {
            "year": self.year,
            "sends": self.sends,
            "letters": [
                {
                    "units": [each.state.unit_code for each in letter.told],
                    "province_code": letter.province_code or None,
                    "reasons": {each.state.unit_code: list(each.reasons) for each in letter.told},
                    "subject": letter.subject,
                    "text": letter.text,
                }
                for letter in self.letters
            ],
            "outcomes": dict(self.outcomes),
            "unaddressed": list(self.unaddressed),
            "postponed": self.postponed,
            "synthetic": self.synthetic,
        }


def tell_senders(
    reader: Connect,
    writer: Connect,
    store: Store,
    settings: Settings,
    year: int,
    *,
    sends: bool,
) -> ToldSummary:
    """Write the letters that are due; send and record them, unless it is a dry run.

    Args:
        reader, writer: open the lake; it is not kept open while letters are sent.
        sends: False for a dry run.

    Raises:
        UsageError: a setting is missing, or the provinces' file is broken.
        TongbaoError: the mail server doesn't work; what could not be sent is tried on the next day.
        Unreachable: store or lake fails.
    """
    if settings.publication_url is None:
        raise UsageError("TONGBAO_PUBLICATION_URL is not set: letters link to receipts there")
    mail = settings.mail
    if sends and mail is None:
        raise UsageError("TONGBAO_SMTP_URL, TONGBAO_MAIL_FROM, TONGBAO_MAIL_TO are not set")
    day = settings.now().astimezone(SHANGHAI).date()
    with reader() as con:
        [figures_version] = con.execute(_VERSION, [year]).fetchone() or ("",)
        due = _due(con, year, day, figures_version)
        letters = [
            unit_letter(email, told, year=year, day=day, publication_url=settings.publication_url)
            for email, told in due.letters.items()
        ]
        letters += _digest_letters(con, store, settings, year, day)
    if not sends or mail is None:
        return due.summary(year, letters, None)
    common = {
        "year": year,
        "day": day,
        "told_at": utc_naive(settings.now()),
        "figures_version": figures_version,
    }
    with writer() as con:
        _record(con, year, [common | row for row in [*_letter_rows(letters), *due.rows]])
    outcomes: dict[str, tuple[str, str]] = {}
    failure = ""
    try:
        for letter_id, outcome, detail in _send(letters, mail, settings):
            outcomes[letter_id] = (outcome, detail)
    except MAIL_ERRORS as error:
        failure = failure_reason(error)
    for each in letters:
        outcomes.setdefault(each.id, ("failed", ""))
    with writer() as con:
        record_outcomes(con, year, outcomes)
    if failure:
        failed = sum(outcome == "failed" for outcome, _ in outcomes.values())
        raise TongbaoError(
            f"letters {year}: {failed} of {len(letters)} were not sent, the next day tries again: "
            f"{server_name(mail)}: {failure}"
        )
    return due.summary(year, letters, Counter(outcome for outcome, _ in outcomes.values()))


def record_outcomes(
    con: duckdb.DuckDBPyConnection, year: int, outcomes: Mapping[str, tuple[str, str]]
) -> None:
    """Record what became of letters: id → outcome and detail."""
    if not outcomes:
        return
    table = {
        "message_id": list(outcomes),
        "outcome": [outcome for outcome, _ in outcomes.values()],
        "detail": [detail for _, detail in outcomes.values()],
    }
    con.register("outcomes", pa.table(table))
    con.execute("begin")
    con.execute(
        "update lake.publication.letters as letter set outcome = o.outcome, detail = o.detail "
        "from outcomes as o where letter.year = ? and letter.message_id = o.message_id",
        [year],
    )
    set_commit_message(con, "letters", year)
    con.execute("commit")
    con.unregister("outcomes")


@dataclass(frozen=True)
class _Due:
    """What is to be told on a day.

    Attributes:
        letters: address → what it is told.
        nothing: units whose state has changed and who get no letter, because nothing is wrong.
        unaddressed: units with something to tell and no usable address.
    """

    letters: Mapping[str, Sequence[Told]]
    nothing: Sequence[Told]
    unaddressed: Sequence[Told]
    postponed: int
    synthetic: int

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the units without a letter."""
        return [
            _row(each, outcome)
            for outcome, units in (("nothing", self.nothing), ("unaddressed", self.unaddressed))
            for each in units
        ]

    def summary(
        self, year: int, letters: Sequence[Letter], outcomes: Mapping[str, int] | None
    ) -> ToldSummary:
        """The summary; ``outcomes`` is None for a dry run."""
        return ToldSummary(
            year,
            outcomes is not None,
            tuple(each.without_address() for each in letters),
            outcomes or {},
            tuple(each.state.unit_code for each in self.unaddressed),
            self.postponed,
            self.synthetic,
        )


def _due(con: duckdb.DuckDBPyConnection, year: int, day: date, figures_version: str) -> _Due:
    last: dict[str, dict[str, Any]] = {}
    told_today: set[str] = set()
    for row in rows_as_dicts(con.execute(f"{_LETTERS} {_ORDER}", [year])):
        if row["unit_code"] is None:
            continue
        if row["outcome"] in DELIVERED:
            last[row["unit_code"]] = row
        if row["message_id"] and row["day"] == day:
            told_today.add(row["unit_code"])
    states = unit_states(con, year)
    # A contact of several units gets one letter.
    addressed_today = {each.email for each in states if each.unit_code in told_today}
    letters: dict[str, list[Told]] = {}
    nothing, unaddressed = [], []
    postponed = synthetic = 0
    for state in states:
        before = last.get(state.unit_code)
        told = Told(state, reasons_of(state, before, figures_version))
        if state.is_synthetic:
            synthetic += bool(told.reasons)
        elif not told.reasons:
            if _differs(state, before):
                nothing.append(told)
        elif state.email is None:
            unaddressed.append(told)
        elif state.email in addressed_today:
            postponed += 1
        else:
            letters.setdefault(state.email, []).append(told)
    return _Due(letters, nothing, unaddressed, postponed, synthetic)


def _differs(state: UnitState, before: Mapping[str, Any] | None) -> bool:
    return before is None or (
        (before["documents_digest"], before["state_digest"])
        != (state.documents_digest, state.state_digest)
    )


def _digest_letters(
    con: duckdb.DuckDBPyConnection, store: Store, settings: Settings, year: int, day: date
) -> list[Letter]:
    """The letters to provinces whose digest is newer than the last one that was sent."""
    addresses = province_addresses(settings.province_addresses)
    if not addresses:
        return []
    told: dict[str, dict[str, Any]] = {}
    for row in rows_as_dicts(con.execute(f"{_LETTERS} and unit_code is null {_ORDER}", [year])):
        if row["outcome"] in DELIVERED or row["day"] == day:
            told[row["province_code"]] = row
    found = []
    for province, page, content in con.execute(_DIGESTS, [year]).fetchall():
        last = told.get(province)
        is_told = last is not None and (last["day"] == day or last["state_digest"] == content)
        if province not in addresses or is_told:
            continue
        workbook = store.get(settings.publication_bucket, page.replace(".html", ".xlsx"))
        found.append(
            digest_letter(
                addresses[province],
                province,
                year=year,
                day=day,
                publication_url=settings.publication_url or "",
                content=content,
                workbook=workbook,
            )
        )
    return found


def province_addresses(path: Path | None) -> dict[str, str]:
    """Province code → address, from a CSV file with ``province_code`` and ``email``.

    Raises:
        UsageError: the file can't be read, or a line is broken; no address is quoted.
    """
    if path is None:
        return {}
    try:
        rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"TONGBAO_PROVINCE_ADDRESSES: {path}: {error}") from None
    found = {}
    for number, row in enumerate(rows, start=2):
        code, email = ((row.get(name) or "").strip() for name in ("province_code", "email"))
        if code not in load_catalogue().regions or not is_address(email):
            raise UsageError(
                f"{path} line {number}: wanted province_code (six digits) and email (one address)"
            )
        found[code] = email
    return found


def _row(told: Told, outcome: str, message_id: str | None = None) -> dict[str, Any]:
    return {
        "province_code": told.state.province_code,
        "unit_code": told.state.unit_code,
        "message_id": message_id,
        "reasons": ",".join(told.reasons),
        "documents_digest": told.state.documents_digest,
        "state_digest": told.state.state_digest,
        "outcome": outcome,
    }


def _letter_rows(letters: Iterable[Letter]) -> Iterator[dict[str, Any]]:
    """The rows of letters before they are sent."""
    for letter in letters:
        yield from (_row(each, "sending", letter.id) for each in letter.told)
        if letter.province_code:
            yield {
                "province_code": letter.province_code,
                "message_id": letter.id,
                "reasons": "digest",
                "state_digest": letter.content,
                "outcome": "sending",
            }


def _record(con: duckdb.DuckDBPyConnection, year: int, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    con.execute("begin")
    insert_rows(con, TABLE, OTHER_TABLES[TABLE].table_of(rows))
    set_commit_message(con, "letters", year)
    con.execute("commit")


def _send(
    letters: Iterable[Letter], mail: Mail, settings: Settings
) -> Iterator[tuple[str, str, str]]:
    """Send letters over one connection; yield id, outcome and the server's code.

    A letter during which the connection breaks may have arrived: it is not sent again on this day.

    Raises:
        what ``MAIL_ERRORS`` lists: the server can't be reached, or refuses the login or the sender.
    """
    with ExitStack() as stack:
        server: smtplib.SMTP | None = None
        for letter in letters:
            if server is None or not _is_alive(server):
                server = stack.enter_context(mail_session(mail))
            message = mail_message(letter, mail.sender, settings.now())
            try:
                server.send_message(message, mail.sender, [letter.email])
            except smtplib.SMTPRecipientsRefused as error:
                [(code, _)] = error.recipients.values()
                yield letter.id, _outcome(code), str(code)
            except smtplib.SMTPDataError as error:
                yield letter.id, _outcome(error.smtp_code), str(error.smtp_code)
            except (smtplib.SMTPServerDisconnected, OSError):
                server = None
                yield letter.id, "failed", ""
            else:
                yield letter.id, "sent", ""


def _outcome(code: int) -> str:
    """What an SMTP code means: 4xx: not at present; 5xx: never (RFC 5321, 4.2.1)."""
    return "refused" if code >= 500 else "failed"


def _is_alive(server: smtplib.SMTP) -> bool:
    """Whether the server still takes mail; many close a connection after a number of mails."""
    try:
        return server.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False
