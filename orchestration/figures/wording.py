"""The Chinese names of codes, and submitted text on one line.

Bulletins, lists and traces of figures print the same name for a code.

Belongs here: a code's name, and how the text of a sender is printed. Doesn't belong here: numbers
(``numbers``, ``printing``) and sentences (``bulletin``).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

from orchestration.core.catalogue import load_catalogue

__all__ = [
    "UNIT_NAME",
    "WATCH_NOTE",
    "category_name",
    "clean",
    "code_names",
    "level_names",
]


def level_names() -> Mapping[str, str]:
    """Return level → its name, highest level first (seed ``level_names``)."""
    return load_catalogue().levels


def code_names(column: str) -> Mapping[str, str]:
    """Return code → its name, in order, of a column whose codes have no table (``code_names``)."""
    return load_catalogue().code_names[column]


def category_name(task_code: str, category: str) -> str:
    """Return the name of a category of a task's units (seeds ``categories``, ``industries``).

    A category that the seeds don't have is its own name, as the marts keep what was submitted.
    """
    return load_catalogue().categories.get((task_code, category), category)


#: Maximum of characters printed of a unit's name: two lines of the widest table column.
UNIT_NAME = 40


def clean(text: str | None, at_most: int = 60) -> str:
    """Return submitted text on one line, without control, zero-width and direction characters.

    Args:
        at_most: maximum number of characters; a longer text is cut and ends in ``…``.
    """
    kept = unicodedata.normalize("NFC", text or "")
    if not kept.isprintable():  # rare: a control character, or a blank other than U+0020
        kept = "".join(
            " " if character.isspace() else character
            for character in kept
            if character.isspace() or unicodedata.category(character)[0] != "C"
        )
    kept = " ".join(kept.split())
    return kept if len(kept) <= at_most else kept[: at_most - 1] + "…"


#: What the watchlist's table says below its title.
WATCH_NOTE = (
    "列入名单只说明存在所列情形，供动态管理参考，不是处理决定；"
    "同一单位可有多项原因，依据列为其数据来由。"
)
