"""Publishes a year's forms, with the changes since the last year that has forms.

The catalogue that the forms are made from is published with them, so that the next year can be
compared with it.

Belongs here: comparing the two catalogues and writing the files whose bytes differ. Doesn't belong
here: the forms (``form``).
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from html import escape

from orchestration.core.catalogue import Indicator, load_catalogue
from orchestration.forms.form import make_form
from orchestration.storage import Store

__all__ = ["FormsSummary", "publish_forms"]

#: Columns of the catalogue whose changes matter to a unit, with their Chinese names.
_COMPARED_FIELDS = {
    "name_zh": "名称",
    "unit": "计量单位",
    "value_type": "填报类型",
    "hard_min": "下限",
    "hard_max": "上限",
    "is_submitted": "是否填报",
    "is_required": "是否必填",
    "stock_flow": "年末数或累计数",
}


@dataclass
class FormsSummary:
    """The result of publishing a year's forms.

    Attributes:
        prefix: URL of the folder, ``s3://…``.
        written: number of files written; 0 if nothing changed.
        changes: number of rows in the list of changes.
        since: year that was compared with; None if this is the first year.
    """

    year: int
    prefix: str
    written: int
    changes: int
    since: int | None

    @property
    def lines(self) -> list[str]:
        """Lines to print on a terminal."""
        compared = f"{self.changes} changes since {self.since}" if self.since else "the first year"
        return [f"forms {self.year}: {self.written} files written to {self.prefix}; {compared}"]


def publish_forms(store: Store, bucket: str, year: int) -> FormsSummary:
    """Publish ``forms/{year}/``: forms, ``changes.csv``, ``changes.html``, ``catalogue.csv``.

    Raises:
        UsageError: the calendar has no such year.
    """
    catalogue = load_catalogue()
    prefix = f"forms/{year}/"
    since = _former_year(store, bucket, year)
    former: dict[str, dict[str, str]] | None = None
    if since is not None:
        text = store.get(bucket, f"forms/{since}/catalogue.csv").decode("utf-8-sig")
        former = {row["code"]: row for row in csv.DictReader(io.StringIO(text))}
    now = {code: _catalogue_row(indicator) for code, indicator in catalogue.indicators.items()}
    changes = [] if former is None else _list_changes(former, now)
    files = {f"{code}.xlsx": make_form(code, year) for code in catalogue.tasks}
    columns = list(Indicator.model_fields)
    files["catalogue.csv"] = _csv_bytes(columns, [list(row.values()) for row in now.values()])
    files["changes.csv"] = _csv_bytes(["指标", "名称", "变化", "上年", "本年"], changes)
    files["changes.html"] = _changes_page(year, since, changes)
    written = 0
    for name, body in sorted(files.items()):
        key = prefix + name
        if not store.exists(bucket, key) or store.get(bucket, key) != body:
            store.put(bucket, key, body)
            written += 1
    return FormsSummary(year, f"s3://{bucket}/{prefix}", written, len(changes), since)


def _former_year(store: Store, bucket: str, year: int) -> int | None:
    """Return the last year before ``year`` that has published forms, or None."""
    years = [
        int(part)
        for part in (p.split("/")[1] for p in store.prefixes(bucket, "forms/"))
        if part.isdecimal() and int(part) < year
    ]
    return max(years, default=None)


def _catalogue_row(indicator: Indicator) -> dict[str, str]:
    return {
        name: "" if (value := getattr(indicator, name)) is None else str(value)
        for name in Indicator.model_fields
    }


def _list_changes(
    former: dict[str, dict[str, str]], now: dict[str, dict[str, str]]
) -> list[list[str]]:
    """Return rows of (code, name, change, former value, new value)."""
    found = []
    for code in sorted({*former, *now}):
        old, new = former.get(code), now.get(code)
        if old is None and new is not None:
            found.append([code, new["name_zh"], "新增", "", new["name_zh"]])
        elif new is None and old is not None:
            found.append([code, old["name_zh"], "取消", old["name_zh"], ""])
        elif old is not None and new is not None:
            found += [
                [code, new["name_zh"], label, old.get(name, ""), new[name]]
                for name, label in _COMPARED_FIELDS.items()
                if old.get(name, "") != new[name]
            ]
    return found


def _csv_bytes(header: list[str], rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _changes_page(year: int, since: int | None, changes: list[list[str]]) -> bytes:
    if since is None:
        comparison = "<p>本年度为首次发布填报表，没有可比的上年表。</p>"
    elif not changes:
        comparison = f"<p>与{since}年度相比，指标没有变化。</p>"
    else:
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in changes
        )
        comparison = (
            f"<p>与{since}年度相比，有以下{len(changes)}处变化。</p><table><thead><tr>"
            "<th>指标</th><th>名称</th><th>变化</th><th>上年</th><th>本年</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )
    return (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{year}年度填报表变化</title><style>body{{font-family:sans-serif;margin:2rem auto;"
        "max-width:60rem;padding:0 1rem}table{border-collapse:collapse}td,th{border:1px solid "
        "#999;padding:.3rem .6rem;text-align:left}</style></head><body>"
        f"<h1>{year}年度填报表变化</h1>{comparison}</body></html>\n"
    ).encode()
