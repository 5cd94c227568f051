"""Fills the site's templates.

Belongs here: rendering a template, and embedding data in a page. Doesn't belong here: the content
of a page (``pages``, ``editions``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

__all__ = ["asset", "fill", "json_for_script"]

_FOLDER = Path(__file__).parent
#: Characters that could end a script element, or a line of a script.
_ESCAPES = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}


def json_for_script(data: Any) -> Markup:
    """Return JSON for a script that no text can end, in a script element as well as in a file."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.translate(_ESCAPES))  # noqa: S704


def asset(path: str) -> bytes:
    """Return a file of the site that is the same in every edition, e.g. ``assets/tables.js``."""
    return (_FOLDER / Path(path).name).read_bytes()


def fill(template: str, path: str, **content: Any) -> str:
    """Render a page.

    Args:
        template: file name of the template.
        path: path of the page below its root; the template's ``root`` is the way back to it.
        content: variables of the template.
    """
    # Imported here because rendering imports typst, which most users of this package don't need.
    from orchestration.bulletin.render import environment

    page = environment(_FOLDER).get_template(template)
    return page.render(root="../" * path.count("/"), path=path, **content)
