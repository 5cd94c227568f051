"""Removes telephone numbers, e-mail addresses and identity numbers from free text.

Belongs here: the patterns of contact data and the text that replaces it. Everything that leaves
``raw`` goes through the same function: names, highlights, comments, explanations, text typed into
a value cell, quotations in findings. Doesn't belong here: the list of those fields.

Numbers in Chinese numerals, addresses without an at sign (``wang(at)b.cn``) and accounts of
messengers after their name (``微信号：wang_li``) are contacts as well.

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
_LOCAL_PART = r"(?<![\w.%+\-])[a-z0-9._%+\-]++"
#: Chinese keyboards give another full stop; it and blanks around one are taken before a known end.
_ENDING = r" ?[.。] ?(?:com|cn|net|org|edu|gov)(?![a-z0-9])"
#: People write a name for the local part; where it begins in a sentence can't be known, and a name
#: has four characters at most.
_NAME = r"[\u3400-\u9fff]{1,4}"
_ADDRESS = rf"(?:{_LOCAL_PART}|{_NAME}) ?@ ?[a-z0-9\-]++(?:\.[a-z0-9\-]++|{_ENDING})+"
#: An address with its at sign or its points spelled out; in running English, ``at`` before a page's
#: address is no at sign.
_AT = r"(?:@| ?[(\[{<【] ?(?:at|@) ?[)\]}>】] ?| {1,2}at {1,2}(?!www\.)|\#| ?艾特 ?)"
_POINT = r"(?:\.| ?[(\[{<【] ?dot ?[)\]}>】] ?| {1,2}dot {1,2}|点)"
_SPELLED_ADDRESS = rf"{_LOCAL_PART}{_AT}[a-z0-9\-]++(?:{_POINT}[a-z0-9\-]++)++(?<=[a-z]{{2}})"
_COUNTRY = rf"(?:(?:\+|00)?86{_GAP})?"
_MOBILE = (
    rf"{_COUNTRY}(?:1[3-9][0-9]{_GAP}[0-9]{{4}}{_GAP}[0-9]{{4}}"
    rf"|1[3-9][0-9]{{2}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{4}}"
    rf"|1[3-9][0-9]{{2}}{_GAP}[0-9]{{4}}{_GAP}[0-9]{{3}}"
    r"|1[3-9][0-9][./][0-9]{4}[./][0-9]{4})"
)
#: A number with its area code (with a leading zero or after the country code), its extension and
#: further numbers in the same area.
_LANDLINE = (
    rf"(?:(?:\(0[1-9][0-9]{{1,2}}\){_GAP}|0[1-9][0-9]{{1,2}}[ \-]{{1,3}}"
    rf"|(?:\+|00)86{_GAP}[1-9][0-9]{{1,2}}{_GAP})[1-9][0-9]{{2,3}}"
    # Without a separator the numbers of an area have one length: eight digits after three.
    rf"|0(?:10|2[0-9])[1-9][0-9]{{3}}|0[3-9][0-9]{{2}}[1-9][0-9]{{2,3}}){_GAP}[0-9]{{4}}"
    rf"(?:{_GAP}(?:转|分机|ext\.?|\#|-){_GAP}[0-9]{{1,6}})?"
    rf"(?:{_GAP}[/、]{_GAP}[1-9][0-9]{{2,3}}{_GAP}[0-9]{{4}}(?![0-9]))*"
    # Hong Kong, Macau and Taiwan.
    rf"|(?:\+|00)(?:852|853|886){_GAP}[0-9]{{1,4}}{_GAP}[0-9]{{3,4}}{_GAP}[0-9]{{4}}"
)
#: A mobile number of which each digit stands alone.
_SPACED = r"(?<![0-9][ \-])1[ \-]{1,3}[3-9](?:[ \-]{1,3}[0-9]){9}(?![ \-][0-9])"
_SERVICE = r"[48]00[ \-](?:[0-9]{3}[ \-]?[0-9]{4}|[0-9]{4}[ \-]?[0-9]{3})"
#: Chinese numerals as digits are read out. Amounts are not written so, and dates and years have
#: eight of them at most.
_FROM_THREE = "三四五六七八九叁肆伍陆柒捌玖"
_NUMERALS = f"〇零○一二幺壹贰{_FROM_THREE}"
_ANY_DIGIT = f"[0-9{_NUMERALS}]"
#: A mobile number with Chinese numerals in it, or a landline of them with its area code.
_SPELLED = (
    rf"(?<!{_ANY_DIGIT})(?:"
    rf"(?=[0-9 \-]{{0,30}}[{_NUMERALS}])"
    rf"[1一幺壹]{_GAP}[3-9{_FROM_THREE}](?:{_GAP}{_ANY_DIGIT}){{9}}"
    rf"|[〇零○]{_GAP}[一二壹贰{_FROM_THREE}](?:{_GAP}[{_NUMERALS}]){{8,10}})(?!{_ANY_DIGIT})"
)
_LABELLED = (
    r"(?:(?<=电话|手机|座机|传真|固话|致电|热线)|(?<=tel)|(?<=phone)|(?<=联系方式))\.?(?:号码|号)?"
    rf"[:为是 ]{{0,3}}(?:(?:[1-9][0-9]{{2,3}}[ \-]?[0-9]{{4}}|[48]00[0-9]{{7}})(?![0-9])"
    rf"|[{_NUMERALS}]{{7,12}})"
)
#: An account of a messenger after its name. A number before a unit of counting is a figure
#: (``微信、QQ 10000人次``); letters are an account only where a mark or 号 stands before them, or
#: a digit among them.
_ACCOUNT = (
    r"(?:(?<=微信|薇信|扣扣|钉钉|飞书|v信)|(?<=qq|vx|wx)|(?<=wechat|weixin))(?: ?(?:"
    r"(?:号码|号|群|id){0,2}[:=为是 ]{0,3}[1-9][0-9]{4,11}+"
    r"(?![.,]?[0-9]| ?[人次万亿元个条名家户%年])"
    r"|(?:号码|号|id)?(?:[:=]|(?<=号|码)) ?[a-z][a-z0-9_\-]{5,19}+"
    r"|(?=[a-z_\-]{1,19}[0-9])[a-z][a-z0-9_\-]{5,19}+))"
)
#: An identity number with a date of birth in it (GB 11643). Other numbers of 18 digits are kept.
_IDENTITY = (
    rf"[1-9][0-9]{{5}}{_GAP}(?:18|19|20)[0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]){_GAP}"
    r"[0-9]{3}[0-9x]"
)
#: Other identity numbers after their name: those of 15 digits, and passports.
_LABELLED_IDENTITY = (
    r"(?:(?<=身份证)(?:号码|号)?[:为是 ]{0,3}[1-9][0-9]{14}(?:[0-9]{2}[0-9x])?(?![0-9])"
    r"|(?<=护照)(?:号码|号)?[:为是 ]{0,3}[a-z][a-z0-9][0-9]{7}(?![0-9]))"
)
_LABELLED_OR_PLAIN = (
    rf"{_ADDRESS}|(?<![0-9])(?<![0-9]\.)(?:{_IDENTITY}|{_MOBILE}|{_LANDLINE}|{_SERVICE})(?!\.?[0-9])"
    rf"|{_LABELLED}|{_LABELLED_IDENTITY}"
)
_CONTACT = re.compile(_LABELLED_OR_PLAIN, re.IGNORECASE | re.ASCII)
#: Those and the rarer ways of writing a contact, which take twice as long to look for.
_ANY_CONTACT = re.compile(
    rf"{_LABELLED_OR_PLAIN}|(?<![0-9])(?<![0-9]\.){_SPACED}(?!\.?[0-9])|{_SPELLED}|{_ACCOUNT}"
    rf"|{_SPELLED_ADDRESS}",
    re.IGNORECASE | re.ASCII,
)
#: A pattern without what RE2 lacks, for SQL: every text with a contact matches it, and few others.
#: Texts with forms that are folded first match it where they stand between or beside digits.
MAY_HOLD_CONTACT = (
    rf"(?i)[@＠０-９]|{_IDENTITY}|{_MOBILE}|{_LANDLINE.replace('(?![0-9])', '')}|{_SERVICE}"
    r"|(?:电话|手机|座机|传真|固话|致电|热线|联系方式|身份证|护照|tel|phone)[^/]{0,8}[0-9]|[0-9][^\x00-\x7F]{1,3}[0-9]"
    rf"|(?:[{_NUMERALS}][^\pL\pN]{{0,3}}){{3}}|(?:[0-9][ \-]{{1,3}}){{7}}"
    r"|微信|薇信|v信|扣扣|钉钉|飞书|qq|vx|wx|wechat|weixin|\bat\b|#[a-z0-9\-]+\.|艾特"
)
#: Every contact contains an at sign or three digits in a row, or one of the rarer signs below.
_MAY_HOLD = re.compile(r"[@＠]|[0-9０-９]{3}")
#: Three single digits apart.
_MAY_HOLD_SPACED = re.compile(r"[0-9０-９](?:\W{1,3}[0-9０-９]){2}")
#: Three digits of which the first is a Chinese numeral, a word of :data:`_ACCOUNT`, a spelled at
#: sign. The set of first characters, without digits, is what makes the search fast.
_MAY_HOLD_RARE = re.compile(
    rf"[{_NUMERALS}#＃qQｑＱvVｖＶwWｗＷaAａＡ微薇扣钉飞艾](?:(?<=[#＃])"
    rf"|(?<=[{_NUMERALS}])(?:\W{{0,3}}[0-9０-９{_NUMERALS}]){{2}}"
    r"|(?<=[qQｑＱ])[qQｑＱ]|(?<=[vVｖＶwWｗＷ])[xXｘＸ]|(?<=[vVｖＶ])信|(?<=[wWｗＷ])[eEｅＥ][cCｃＣiIｉＩ]"
    r"|(?<=[aAａＡ])[tTｔＴ]\b|(?<=[微薇])信|(?<=扣)扣|(?<=钉)钉|(?<=飞)书|(?<=艾)特)"
)

#: An id as platforms make it. Some of them look like telephone numbers.
_ID = re.compile(r"[A-Za-z0-9._:\-]*\Z")


def struck_id(text: str) -> str:
    """An id without contacts: one of letters, digits and ``._:-`` is left as it is."""
    return text if _ID.match(text) else struck(text)


def struck(text: str) -> str:
    """Replace each contact in a text by :data:`STRUCK`, in time linear in the text's length."""
    if _MAY_HOLD_RARE.search(text) or _MAY_HOLD_SPACED.search(text):
        pattern = _ANY_CONTACT
    elif _MAY_HOLD.search(text):
        pattern = _CONTACT
    else:
        return text
    kept, end = [], 0
    for match in pattern.finditer(text.translate(_FOLDED)):
        kept += [text[end : match.start()], STRUCK]
        end = match.end()
    return "".join(kept) + text[end:] if kept else text
