"""Reminders before the cut-off: what a province still has to do, as a page and in a sentence.

Belongs here: which provinces are reminded of what. Doesn't belong here: on which days (the
reporting calendar), and sending (whoever is given the summary).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from orchestration.core.errors import TongbaoError
from orchestration.core.reporting_calendar import SHANGHAI, period_of
from orchestration.core.settings import Settings
from orchestration.receipts.digests import SHEETS, Digest, digests
from orchestration.receipts.rendering import shared_by_pages, templates
from orchestration.storage import Store

__all__ = ["Reminder", "RemindersSummary", "write_reminders"]

#: What a reminder counts, in the order of its sentence: list of a digest, words around the number.
_OUTSTANDING = {
    "absent": ("未按时上报", "个"),
    "faulty": ("填报有错误", "个"),
    "unassessed": ("未考核", "个"),
    "summaries": ("缺分任务总结", "项"),
}


@dataclass(frozen=True)
class Reminder:
    """What one province is told. No contact data: who receives it is not known here.

    Attributes:
        outstanding: how many of each of ``absent``, ``faulty``, ``unassessed``, ``summaries``.
        text: the message in Chinese, one paragraph.
        page: key of the page with the lists, in the publication bucket.
    """

    province_code: str
    province: str
    outstanding: dict[str, int]
    text: str
    page: str


@dataclass(frozen=True)
class RemindersSummary:
    """The reminders of a day.

    Attributes:
        days_left: days to the cut-off, 1 on the last one.
        reminders: one a province, in the order of the regions.
    """

    year: int
    days_left: int
    reminders: tuple[Reminder, ...]

    @property
    def lines(self) -> list[str]:
        """What a terminal shows."""
        due = sum(any(each.outstanding.values()) for each in self.reminders)
        return [
            f"reminders {self.year}: {self.days_left} days left; {len(self.reminders)} provinces, "
            f"{due} with something outstanding"
        ]


def write_reminders(
    con: duckdb.DuckDBPyConnection, store: Store, settings: Settings, year: int
) -> RemindersSummary:
    """Write every province's reminder of today, beside its digest.

    Args:
        con: a connection to the lake, with the year's marts.

    Raises:
        TongbaoError: the collection is not open.
        Unreachable: the store fails.
    """
    now = settings.now()
    period = period_of(year)
    if not period.is_open(now):
        raise TongbaoError(f"the collection of {year} is not open: there is nothing to remind of")
    day, left = now.astimezone(SHANGHAI).date(), period.days_left(now)
    shared = shared_by_pages(con, year)
    reminders = {
        digest.province_code: (digest, _reminder(digest, year, left, str(shared["cutoff"])))
        for digest in digests(con, year, day)
    }

    def pages() -> Iterator[tuple[str, bytes]]:
        template = templates().get_template("reminder.html.j2")
        sheets = {name: SHEETS[name] for name in _OUTSTANDING}
        for digest, each in reminders.values():
            body = template.render(
                **shared,
                digest=digest,
                sheets=sheets,
                text=each.text,
                outstanding=any(each.outstanding.values()),
            ).encode("utf-8", "replace")
            for key in (each.page, each.page.replace("reminder.", f"reminder-{day}.")):
                yield key, body

    store.put_many(settings.publication_bucket, pages())
    return RemindersSummary(year, left, tuple(each for _, each in reminders.values()))


def _reminder(digest: Digest, year: int, left: int, cutoff: str) -> Reminder:
    numbers = {name: len(digest.lists[name]) for name in _OUTSTANDING}
    said = "，".join(
        f"{before}{numbers[name]}{after}"
        for name, (before, after) in _OUTSTANDING.items()
        if numbers[name]
    )
    return Reminder(
        province_code=digest.province_code,
        province=digest.province,
        outstanding=numbers,
        text=(
            f"{digest.province}：距{year}年度填报截止（{cutoff}，北京时间）还有{left}天。"
            f"应报单位{digest.counts['units_expected']}个，{said or '均已按时上报，没有待办事项'}。"
        ),
        page=f"receipts/year={year}/province={digest.province_code}/reminder.html",
    )
