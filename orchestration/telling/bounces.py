"""Letters that can't be delivered: refused by the server, returned later, or without an address.

Belongs here: reading delivery reports (RFC 3464) from a mailbox file, and the list of units that
can't be reached. Doesn't belong here: sending (``run``).
"""

from __future__ import annotations

import mailbox
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import duckdb

from orchestration.core.errors import UsageError
from orchestration.lakehouse.records import unreached_rows
from orchestration.telling.run import record_outcomes

__all__ = ["Undeliverable", "record_bounces", "undeliverable"]

_LETTER = re.compile(rb"letter-[0-9a-f]{32}(?=@tongbao)")
#: RFC 3463: class, subject, detail.
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")


@dataclass(frozen=True)
class Undeliverable:
    """A unit or province that can't be reached by mail.

    Attributes:
        unit_code: "" for the province's own digest.
        day: of the letter.
        outcome: ``refused``, ``bounced`` or ``unaddressed``.
        code: the mail server's code, or "".
    """

    province_code: str
    unit_code: str
    day: str
    outcome: str
    code: str

    @property
    def lines(self) -> list[str]:
        """One line to print on a terminal."""
        who = self.unit_code or f"{self.province_code} (digest)"
        return [f"{who}: {self.outcome} {self.code}".rstrip() + f", {self.day}"]


def undeliverable(con: duckdb.DuckDBPyConnection, year: int) -> list[Undeliverable]:
    """Return whom the last letter did not reach, by province and unit."""
    return [
        Undeliverable(
            row["province_code"],
            row["unit_code"] or "",
            str(row["day"]),
            row["outcome"],
            row["detail"] or "",
        )
        for row in unreached_rows(con, year)
    ]


def record_bounces(con: duckdb.DuckDBPyConnection, year: int, path: Path) -> int:
    """Record the letters that a mailbox reports as undeliverable; return their number.

    Args:
        con: the writing connection.
        path: a mailbox (mbox) or Maildir with the mail to the sender's address.

    Raises:
        UsageError: there is no such mailbox.
    """
    if not path.exists():
        raise UsageError(f"{path}: no such mailbox")
    box = mailbox.Maildir(path, create=False) if path.is_dir() else mailbox.mbox(path, create=False)
    outcomes = {
        letter: ("bounced", status) for message in box for letter, status in _failures(message)
    }
    known = {
        each
        for (each,) in con.execute(
            "select distinct message_id from lake.publication.letters where year = ?", [year]
        ).fetchall()
    }
    outcomes = {letter: outcome for letter, outcome in outcomes.items() if letter in known}
    record_outcomes(con, year, outcomes)
    return len(outcomes)


def _failures(message: Message) -> Iterator[tuple[str, str]]:
    """Yield id and status of each letter that a delivery report gives up."""
    if message.get_content_type() != "multipart/report":
        return
    fields = [
        block
        for part in message.walk()
        if part.get_content_type() == "message/delivery-status"
        for block in part.walk()
        if str(block.get("Action", "")).strip().lower() == "failed"
    ]
    if not fields:
        return
    status = _STATUS.search(str(fields[0].get("Status", "")))
    for letter in set(_LETTER.findall(message.as_bytes())):
        yield letter.decode(), status[0] if status else ""
