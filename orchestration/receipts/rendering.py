"""Renders the readable pages for provinces and units, of receipts and of a rehearsal.

Belongs here: the template environment and the content that every page has, such as the mark of
synthetic data and the cut-off. Doesn't belong here: the content of one kind of page.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import jinja2

from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import struck
from orchestration.core.reporting_calendar import SHANGHAI, moment, period_of

__all__ = ["WORDS", "common_page_content", "templates"]

WORDS = {
    "status": {
        "accepted": "已接收",
        "accepted_with_errors": "已接收，有错误需更正",
        "rejected": "未接收",
    },
    "severity": {"error": "错误", "warning": "提示"},
    "state": {
        "counts": "计入",
        "replaced": "已被替换",
        "late": "逾期，未计入",
        "valueless": "没有可采用的数值，未采用",
        "returned": "已被退回修改，未计入",
    },
    "return": {
        "pending": "退回后尚未重新报送",
        "answered": "已重新报送",
        "withdrawn": "退回已撤回",
        "too_late": "截止时间之后退回，不影响本期通报",
    },
    "news": {"new": "首次提交", "changed": "有改动", "unchanged": "与上次相同"},
    "series": {
        "provincial_recommendation": "省级推荐",
        "national_recognition": "国家认定",
        "warning": "警告",
        "removal": "退出",
    },
    "unit": {
        "registered": "已登记",
        "recommended": "已推荐",
        "recognised": "已认定",
        "warned": "已警告",
        "removed": "已退出",
    },
    "level": {"school": "校级", "municipal": "市级", "provincial": "省级", "national": "国家级"},
}


@cache
def templates(*folders: Path) -> jinja2.Environment:
    """Return an environment with the templates of ``folders`` and of this folder."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["struck"] = struck
    return environment


def common_page_content(con: duckdb.DuckDBPyConnection, year: int) -> dict[str, Any]:
    """Return the variables that every template gets.

    Args:
        con: a connection to the lake, with the year's marts.
    """
    [synthetic] = con.execute(
        "select coalesce(bool_or(is_synthetic), false) from lake.marts.dim_reporting_year "
        "where year = ?",
        [year],
    ).fetchone() or (False,)
    return {
        "year": year,
        "synthetic": synthetic,
        "cutoff": moment(period_of(year).cutoff_at),
        "words": WORDS,
        "catalogue": load_catalogue(),
        "zone": SHANGHAI,
    }
