"""Renders a bulletin as a web page: one file that works without any other.

Every value is escaped. Figures have the attribute ``data-figure`` and link to their trace pages in
the same edition.

Belongs here: filling ``bulletin.html.j2``, and the environment that the site's templates share.
Doesn't belong here: navigation and web font (``bulletin.site``, ``webfont``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2
from markupsafe import Markup

from orchestration.bulletin.content import Document, as_data
from orchestration.bulletin.links import trace_target
from orchestration.bulletin.render.charts import svg_of
from orchestration.core.page_style import PAGE_STYLE

__all__ = ["environment", "render_html"]

_FAMILY = "Noto Sans SC, Source Han Sans SC, Microsoft YaHei, PingFang SC, sans-serif"


def _widths(shares: Iterable[int]) -> list[str]:
    """Return the columns' shares of a table's width as percentages for CSS."""
    found = list(shares)
    return [f"{100 * share / sum(found):.1f}%" for share in found]


def _trace_address(figure_id: str, root: str) -> str:
    return root + trace_target(figure_id)


def _chart(block: Mapping[str, Any], root: str) -> Markup:
    # svg_of escapes every text itself.
    return Markup(svg_of(block, _FAMILY, lambda figure: _trace_address(figure, root)))  # noqa: S704


@cache
def environment(*folders: Path) -> jinja2.Environment:
    """Return an environment with the templates of this folder and of ``folders``.

    It escapes every value; an undefined variable is an error.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["page_style"] = Markup(PAGE_STYLE)  # noqa: S704
    made.filters["chart"] = _chart
    made.filters["traced"] = _trace_address
    made.filters["widths"] = _widths
    return made


def render_html(document: Document) -> bytes:
    """Return the page in UTF-8."""
    template = environment().get_template("bulletin.html.j2")
    root = "../" * document.path.count("/")
    pdf = f"{PurePosixPath(document.path).name}.pdf"
    return template.render(doc=as_data(document), root=root, pdf=pdf).encode()
