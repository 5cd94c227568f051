"""The page of a province's folder: which kinds of report it gets, and which to open first.

Belongs here: the list of reports. Doesn't belong here: the reports, and writing pages (``run``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from orchestration.core.catalogue import load_catalogue
from orchestration.receipts.changes import Page
from orchestration.receipts.rendering import templates

__all__ = ["list_report_pages"]


class _Report(NamedTuple):
    """A kind of report.

    Attributes:
        href: relative to the province's folder, or "" if there are many.
    """

    name: str
    href: str
    answers: str
    made: str
    next: str


#: In the order in which they are to be read.
_REPORTS = (
    _Report(
        "日报",
        "digest.html",
        "本省哪些单位未报、有错误、被退回、未考核，哪些文件被拒收，与上次相比有何变化",
        "每次汇总后有变化时；另存有每日一份和XLSX",
        "按清单催办；核对无误后，用其中的确认码签字确认",
    ),
    _Report(
        "单位回执",
        "",
        "一个单位交了什么、哪些数值计入、哪些没有计入及原因（由日报中的单位代码打开）",
        "该单位有新材料或状态变化时",
        "转给该单位，按“问题和更正办法”更正后重新报送",
    ),
    _Report(
        "文件回执",
        "",
        "上传的一个文件是否被接收，错在哪一行、哪一格（与文件同名，后缀为.receipt.html）",
        "上传后两分钟内",
        "由上传者按所列位置更正，重新上传",
    ),
    _Report(
        "演练单",
        "rehearsal.html",
        "按目前的数据，到截止时本省会缺报多少，会不会影响通报发布",
        "填报期内每日清晨",
        "预计达不到要求的，提前督促所列单位",
    ),
    _Report(
        "催报单",
        "reminder.html",
        "距截止还有几天，本省还有哪些事没有办完",
        "截止前的催报日",
        "逐项办结",
    ),
)


def list_report_pages(year: int, shared: Mapping[str, Any]) -> Iterator[tuple[str, Page]]:
    """Yield key and page of every province; the subject is the page as bytes.

    Args:
        shared: the content that every page has.
    """
    template = templates().get_template("reports.html.j2")
    for code, region in load_catalogue().regions.items():
        text = template.render(**shared, region=region, reports=_REPORTS)
        body = text.encode("utf-8", "replace")
        key = f"receipts/year={year}/province={code}/index.html"
        yield key, Page(code, hashlib.sha256(body).hexdigest(), body)
