"""The colours of every page, light and dark, and the look of figures that lead to their source.

Belongs here: what all pages share, as CSS that their templates include. Doesn't belong here: the
layout of a kind of page (its template).

All pairs of text and background have a contrast of at least 4.5 (WCAG 2.2, 1.4.3, level AA). Print
is always light.
"""

from __future__ import annotations

__all__ = ["PAGE_STYLE"]

PAGE_STYLE = """\
:root { color-scheme: light dark; --paper: #fff; --ink: #222; --soft: #595959; --line: #d9d9d9; \
--red: #c8102e; --mark: #c8102e; --blue: #1b5e97; --shade: #f5f7f9; --hover: #eef5fb; \
--front: #dcecf8; --rear: #fdeacb; --notice: #fff4d6; --edge: #767676; --ok: #1a7f37; \
--warn: #8a5a00; --bad: #b42318; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #16191d; --ink: #e6e8ea; \
--soft: #a9b0b8; --line: #3b424a; --red: #ff8a91; --blue: #8ab9e8; --shade: #20252b; \
--hover: #242f3a; --front: #1c3a54; --rear: #4a3710; --notice: #3f3210; --edge: #8b949e; \
--ok: #6fcf87; --warn: #e5b567; --bad: #ff9a8f; } }
a.figure { color: var(--blue); text-decoration: underline dotted 1px; text-underline-offset: .2em; }
a.figure:hover, a.figure:focus { text-decoration: underline solid; }
@media print { a.figure { color: inherit; text-decoration: none; } }
"""
