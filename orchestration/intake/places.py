"""The layout of landing keys (contract §1): what a key says about its object.

Belongs here: the pattern of keys. Doesn't belong here: listing them (``listing``), the content of
objects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestration.core.catalogue import load_catalogue
from orchestration.core.contacts import struck
from orchestration.core.document_types import DOCUMENT_TYPES

__all__ = ["ATTACHMENTS", "MINISTRY", "UNKNOWN_PROVINCE", "Place", "place_of", "year_of_prefix"]

#: The prefix of the Ministry of Education itself.
MINISTRY = "000000"
#: Stands for the province of a key that has none.
UNKNOWN_PROVINCE = "unknown"
_KEY = re.compile(r"([^/]+)/year=([0-9]{4})/province=([0-9]{6})/(.+)\Z", re.DOTALL)
_YEAR = re.compile(r"/year=([0-9]{4})/")
_PROVINCE = re.compile(r"/province=([0-9]{6})/")
#: The prefix of report files; documents name them, and they are not documents themselves.
ATTACHMENTS = "attachments/"


@dataclass(frozen=True)
class Place:
    """What a landing key says.

    Attributes:
        document_type: a key of ``DOCUMENT_TYPES``, or "" where the key breaks the layout.
        year: the key's year; the intake's year where the key has none.
        province_code: the key's province, or :data:`UNKNOWN_PROVINCE`.
        name: the rest of the key, from which the receipt's name is made.
        follows_layout: whether the key follows the layout; otherwise the object is rejected.
    """

    document_type: str
    year: int
    province_code: str
    name: str
    follows_layout: bool

    def shown_key(self, key: str) -> str:
        """The object's key without contacts, which only its name can hold."""
        return key.removesuffix(self.name) + struck(self.name)


def place_of(key: str, default_year: int) -> Place:
    """Parse a landing key.

    Args:
        default_year: the year of a key that has none.
    """
    match = _KEY.match(key)
    if match:
        kind, year, province, name = match.groups()
        known = kind in DOCUMENT_TYPES and (
            province in load_catalogue().regions or province == MINISTRY
        )
        if known:
            return Place(kind, int(year), province, name, True)
    year_match, province_match = _YEAR.search(key), _PROVINCE.search(key)
    return Place(
        document_type="",
        year=int(year_match.group(1)) if year_match else default_year,
        province_code=province_match.group(1) if province_match else UNKNOWN_PROVINCE,
        name=key,
        follows_layout=False,
    )


def year_of_prefix(segment: str) -> int | None:
    """The year of ``year=2024/``, or None for another segment."""
    match = _YEAR.match("/" + segment)
    return int(match.group(1)) if match else None
