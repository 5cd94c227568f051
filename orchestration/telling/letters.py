"""The text of letters: what there is to see, and where; no figures.

Belongs here: texts, and the mail that a letter becomes. Doesn't belong here: who gets one
(``states``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import struck
from orchestration.core.reporting_calendar import chinese_date, moment, period_of
from orchestration.telling.states import REASONS, UnitState

__all__ = ["Letter", "Told", "digest_letter", "mail_message", "unit_letter"]


@dataclass(frozen=True)
class Told:
    """What a letter tells about a unit.

    Attributes:
        reasons: names in ``REASONS``.
    """

    state: UnitState
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Letter:
    """A letter to one address.

    Attributes:
        id: part of the mail's Message-ID, by which a returned mail is recognised.
        told: the units that it is about; empty for a province's digest.
        province_code: of the province whose digest it brings, or "".
        content: the digest of the content of that digest, or "".
        email: the address; never shown.
        attachments: file name → content.
    """

    id: str
    subject: str
    text: str
    email: str = field(repr=False)
    told: tuple[Told, ...] = ()
    province_code: str = ""
    content: str = ""
    attachments: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    def without_address(self) -> Letter:
        """The letter for logs and people."""
        told = tuple(replace(each, state=replace(each.state, email=None)) for each in self.told)
        return replace(self, email="", told=told)

    @property
    def lines(self) -> list[str]:
        """Lines to print on a terminal, without the address."""
        to = self.province_code or ", ".join(each.state.unit_code for each in self.told)
        return [f"letter to {to}: {self.subject}", *(f"  {line}" for line in self.text.split("\n"))]


def unit_letter(
    email: str, told: Sequence[Told], *, year: int, day: date, publication_url: str
) -> Letter:
    """Write to a contact about its units.

    Args:
        publication_url: where readers find the publication bucket, with a slash at the end.
    """
    lines = [f"您好！您是下列建设单位的填报联系人。其{year}年度填报有以下情况，请查看回执：", ""]
    for each in told:
        state = each.state
        lines.append(f"{state.unit_code} {struck(state.unit_name)}")
        for reason in each.reasons:
            until = ""
            if reason == "returned" and state.due_on:
                until = f"（修改期限：{chinese_date(date.fromisoformat(state.due_on))}）"
            lines.append(f"· {REASONS[reason]}{until}")
        folder = f"receipts/year={year}/province={state.province_code}/units"
        lines += [f"回执：{publication_url}{folder}/{state.unit_code}.html", ""]
    lines += [
        f"填报截止：{moment(period_of(year).cutoff_at)}（北京时间，不含）。截止前可多次提交，"
        "以最后一次为准。",
        "本邮件由系统自动发送，每天至多一封，请勿回复。如您已不是联系人，请所在单位更新登记信息。",
    ]
    units = [each.state.unit_code for each in told]
    return Letter(
        id=_letter_id(year, day, units),
        subject=f"〔通报〕{year}年度填报情况有变化，请查看回执",
        text="\n".join(lines),
        email=email,
        told=tuple(told),
    )


def digest_letter(
    email: str,
    province: str,
    *,
    year: int,
    day: date,
    publication_url: str,
    content: str,
    workbook: bytes,
) -> Letter:
    """Bring a province its digest.

    Args:
        province: its code.
        content: a digest of the digest's content.
        workbook: the digest as XLSX, as it stands in the publication bucket.
    """
    name = load_catalogue().regions[province].name
    page = f"{publication_url}receipts/year={year}/province={province}/digest.html"
    return Letter(
        id=_letter_id(year, day, [province]),
        subject=f"〔通报〕{name}{year}年度报送日报（{day}）",
        text="\n".join(
            [
                f"{name}：{year}年度报送日报已更新，见附件，或：",
                page,
                "",
                "本邮件由系统自动发送，日报有变化时每天至多一封，请勿回复。",
            ]
        ),
        email=email,
        province_code=province,
        content=content,
        attachments=((f"digest-{year}-{province}-{day}.xlsx", workbook),),
    )


def mail_message(letter: Letter, sender: str, now: datetime) -> EmailMessage:
    """Return the mail that a letter becomes.

    Args:
        sender: the address of the From line.
        now: aware.
    """
    email = EmailMessage()
    email["Subject"] = letter.subject
    email["From"] = sender
    email["To"] = letter.email
    email["Date"] = format_datetime(now)
    email["Message-ID"] = f"<{letter.id}@tongbao>"
    # Asks for no automatic replies (RFC 3834).
    email["Auto-Submitted"] = "auto-generated"
    email.set_content(letter.text + "\n")
    for name, body in letter.attachments:
        email.add_attachment(
            body,
            maintype="application",
            subtype="vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            filename=name,
        )
    return email


def _letter_id(year: int, day: date, about: Sequence[str]) -> str:
    """An id that the same letter has again, made of nothing about its receiver."""
    return "letter-" + hashlib.sha256(f"{year} {day} {sorted(about)}".encode()).hexdigest()[:32]
