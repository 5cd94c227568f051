"""The Atom feed of a year's editions and corrections (RFC 4287).

Belongs here: ``editions/{year}/feed.xml``, which is rewritten at every publication. Doesn't belong
here: the year's list as a page (``editions``).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

from orchestration.bulletin.wording import ORGAN
from orchestration.figures.wording import clean

__all__ = ["year_feed"]

_ATOM = "http://www.w3.org/2005/Atom"
_SYNTHETIC = "（合成数据，非真实填报）"


def year_feed(year: int, editions: Sequence[Mapping[str, Any]], *, is_synthetic: bool) -> bytes:
    """Return the feed, the newest edition first.

    Args:
        editions: ``edition``, ``published_at`` (aware, or in UTC without a zone) and ``reason`` of
            each edition in order.
    """
    ET.register_namespace("", _ATOM)
    mark = _SYNTHETIC if is_synthetic else ""
    feed = ET.Element(f"{{{_ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": "zh"})
    _add(feed, "id", _uuid(f"editions/{year}/"))
    _add(feed, "title", f"{year}年度现代职业教育体系建设改革重点任务通报：各版及更正{mark}")
    _add(feed, "updated", _moment(editions[-1]["published_at"]))
    _add(feed, "link", href="feed.xml", rel="self", type="application/atom+xml")
    _add(feed, "link", href="index.html", rel="alternate", type="text/html")
    _add(_add(feed, "author"), "name", ORGAN)
    for row in reversed(editions):
        number = row["edition"]
        is_first = number == 1
        entry = _add(feed, "entry")
        _add(entry, "id", _uuid(f"editions/{year}/edition-{number}/"))
        _add(entry, "title", f"{year}年度通报第{number}版{'' if is_first else '（更正）'}{mark}")
        _add(entry, "updated", _moment(row["published_at"]))
        _add(entry, "published", _moment(row["published_at"]))
        page = "index.html" if is_first else "changes.html"
        _add(entry, "link", href=f"edition-{number}/{page}", rel="alternate", type="text/html")
        summary = "首次发布。" if is_first else f"更正事由：{clean(row['reason'], 500)}"
        _add(entry, "summary", summary)
    ET.indent(feed, " ")
    return ET.tostring(feed, encoding="utf-8", xml_declaration=True) + b"\n"


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    element.text = text
    return element


def _uuid(path: str) -> str:
    """A permanent id; the path in the publication bucket is the same in every store."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, path)}"


def _moment(published: datetime) -> str:
    aware = published if published.tzinfo else published.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
