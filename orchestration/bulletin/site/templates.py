"""The site's templates.

Belongs here: filling them. Doesn't belong here: what a page says (``pages``, ``editions``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

__all__ = ["fill", "in_script"]

_FOLDER = Path(__file__).parent
#: What could end a script element, or a line of one.
_UNSAFE = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}


def in_script(data: Any) -> Markup:
    """Data for ``<script type="application/json">``: no text in it can end the element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.translate(_UNSAFE))  # noqa: S704


def fill(template: str, path: str, **content: Any) -> str:
    """A page.

    Args:
        path: of the page below its root; ``root`` in templates leads back to it.
    """
    # Not above: who only asks which edition stands needs no typesetter.
    from orchestration.bulletin.render import environment

    page = environment(_FOLDER).get_template(template)
    return page.render(root="../" * path.count("/"), path=path, **content)
