"""Removes telephone numbers, e-mail addresses and identity numbers from free text.

Belongs here: the patterns of contact data and the text that replaces it. Everything that leaves
``raw`` goes through the same function: names, highlights, comments, explanations, text typed into
a value cell, quotations in findings. Doesn't belong here: the list of those fields.

A value that is nothing but a contact (13800138000) is struck out as well (``intake.reading``). A
local number without its area code (``66096114``) looks like any other number and is only found
after a word such as ``电话``.
"""

from __future__ import annotations

import re

__all__ = ["MAY_HOLD_CONTACT", "STRUCK", "struck", "struck_id"]

#: Replaces each contact.
STRUCK = "〔联系方式略〕"

#: Maps full-width forms (ASCII plus 0xFEE0), dashes and blanks to their ASCII forms. Each
#: character becomes exactly one, so that positions in the folded text are positions in the text.
_FOLDED = {0xFEE0 + point: point for point in range(0x21, 0x7F)}
_FOLDED |= dict.fromkeys(map(ord, "‐‑‒–—―−ー－﹣·•"), ord("-"))
_FOLDED |= dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2009\u3000\t"), ord(" "))
#: Invisible characters, which split a number for a program and not for a reader.
_FOLDED |= dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"), ord(" "))

#: The separator between groups of digits: dashes, blanks or both.
_GAP = r"[ \-]{0,3}"
_ADDRESS = r"(?<![\w.%+\-])[a-z0-9._%+\-]++ ?@ ?[a-z0-9\-]++(?:\.[a-z0-9\-]++)+"
_COUNTRY = rf"(?:(?:\+|00)?86{_GAP})?"
_MOBILE = (
    rf"{_COUNTRY}(?:1[3-9][0-9]{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}"
    rf"|1[3-9][0-9]{{2}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{4}}"
    rf"|1[3-9][0-9]{{2}}{_GAP}[0-9]{{4}}{_GAP}[0-9]{{3}}"
    r"|1[3-9][0-9]\.[0-9]{4}\.[0-9]{4})"
)
#: A number with its area code (with a leading zero or after the country code), its extension and
#: further numbers in the same area.
_LANDLINE = (
    rf"(?:\(?0[1-9][0-9]{{1,2}}\)?|(?:\+|00)86{_GAP}[1-9][0-9]{{1,2}}){_GAP}"
    rf"[1-9][0-9]{{2,3}}{_GAP}[0-9]{{4}}(?:{_GAP}(?:转|ext\.?){_GAP}[0-9]{{1,6}})?"
    rf"(?:{_GAP}[/、]{_GAP}[1-9][0-9]{{2,3}}{_GAP}[0-9]{{4}}(?![0-9]))*"
    # Hong Kong, Macau and Taiwan.
    rf"|(?:\+|00)(?:852|853|886){_GAP}[0-9]{{1,4}}{_GAP}[0-9]{{3,4}}{_GAP}[0-9]{{4}}"
)
_SERVICE = r"[48]00-[0-9]{3,4}-?[0-9]{3,4}"
_LABELLED = (
    r"(?:(?<=电话|手机|座机|传真)|(?<=tel)|(?<=phone))\.?(?:号码|号)?[:为是 ]{0,3}"
    r"[1-9][0-9]{2,3}[ \-]?[0-9]{4}"
)
#: An identity number with a date of birth in it (GB 11643). Other numbers of 18 digits are kept.
_IDENTITY = (
    rf"[1-9][0-9]{{5}}{_GAP}(?:18|19|20)[0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]){_GAP}"
    r"[0-9]{3}[0-9x]"
)
_CONTACT = re.compile(
    rf"{_ADDRESS}|(?<![0-9])(?<![0-9]\.)(?:{_IDENTITY}|{_MOBILE}|{_LANDLINE}|{_SERVICE})(?!\.?[0-9])"
    rf"|{_LABELLED}(?![0-9])",
    re.IGNORECASE | re.ASCII,
)
#: A pattern without what RE2 lacks, for SQL: every text with a contact matches it, and few others.
#: Texts with forms that are folded first match it where they stand between or beside digits.
MAY_HOLD_CONTACT = (
    rf"(?i)[@＠０-９]|{_IDENTITY}|{_MOBILE}|{_LANDLINE.replace('(?![0-9])', '')}|{_SERVICE}"
    r"|(?:电话|手机|座机|传真|tel|phone)[^/]{0,8}[0-9]|[0-9][^\x00-\x7F]{1,3}[0-9]"
)
#: Every contact contains an at sign or three digits in a row.
_MAY_HOLD = re.compile(r"[@＠]|[0-9０-９]{3}")

#: An id as platforms make it. Some of them look like telephone numbers.
_ID = re.compile(r"[A-Za-z0-9._:\-]*\Z")


def struck_id(text: str) -> str:
    """An id without contacts: one of letters, digits and ``._:-`` is left as it is."""
    return text if _ID.match(text) else struck(text)


def struck(text: str) -> str:
    """Replace each contact in a text by :data:`STRUCK`, in time linear in the text's length."""
    if not _MAY_HOLD.search(text):
        return text
    kept, end = [], 0
    for match in _CONTACT.finditer(text.translate(_FOLDED)):
        kept += [text[end : match.start()], STRUCK]
        end = match.end()
    return "".join(kept) + text[end:] if kept else text
