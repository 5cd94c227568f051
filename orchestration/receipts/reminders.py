"""Reminders before the cut-off: what a province still has to do, as a page and as a sentence.

Belongs here: the content of each province's reminder. Doesn't belong here: the days of reminders
(``core.reporting_calendar``) and sending messages (``alarms``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb

from orchestration.core.errors import TongbaoError
from orchestration.core.reporting_calendar import SHANGHAI, period_of
from orchestration.core.settings import Settings
from orchestration.receipts.digests import SHEETS, Digest, province_digests
from orchestration.receipts.rendering import common_page_content, templates
from orchestration.storage import Store

__all__ = ["Reminder", "RemindersSummary", "write_reminders"]

#: Lists of a digest that a reminder counts → words before and after the number, in the order of
#: the sentence.
_OUTSTANDING = {
    "absent": ("未按时报送", "个"),
    "faulty": ("填报有错误", "个"),
    "returned": ("退回后未重新报送", "份"),
    "unassessed": ("未考核", "个"),
    "summaries": ("缺分任务总结", "项"),
}


@dataclass(frozen=True)
class Reminder:
    """The reminder of one province, without contact data: the receiver is not known here.

    Attributes:
        outstanding: list name (``absent``, ``faulty``, ``returned``, ...) → number.
        text: message in Chinese, one paragraph.
        page: key in the publication bucket of the page with the lists.
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
        days_left: days to the cut-off; 1 on the last day.
        reminders: one for each province, in the order of the regions.
    """

    year: int
    days_left: int
    reminders: tuple[Reminder, ...]

    @property
    def lines(self) -> list[str]:
        """Lines to print on a terminal."""
        due = sum(any(each.outstanding.values()) for each in self.reminders)
        return [
            f"reminders {self.year}: {self.days_left} days left; {len(self.reminders)} provinces, "
            f"{due} with something outstanding"
        ]


def write_reminders(
    con: duckdb.DuckDBPyConnection, store: Store, settings: Settings, year: int
) -> RemindersSummary:
    """Write today's reminder of every province, in the folder of its digest.

    Args:
        con: a connection to the lake, with the year's marts.

    Raises:
        TongbaoError: the collection is not open.
        Unreachable: the store fails.
    """
    now = settings.now()
    period = period_of(year)
    if not period.is_open(now):
        raise TongbaoError(f"the collection of {year} is not open: no reminders are due")
    day, left = now.astimezone(SHANGHAI).date(), period.days_left(now)
    shared = common_page_content(con, year)
    reminders = {
        digest.province_code: (digest, _reminder(digest, year, left, str(shared["cutoff"])))
        for digest in province_digests(con, year, day)
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
    tasks = "，".join(
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
            f"应报单位{digest.counts['units_expected']}个，"
            f"{tasks or '均已按时报送，没有待办事项'}。"
        ),
        page=f"receipts/year={year}/province={digest.province_code}/reminder.html",
    )
