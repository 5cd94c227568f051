"""A substitute for dbt's ``adapter`` when sqlfluff renders the models.

The linter only needs a macro to render to some expression or type.
"""

from __future__ import annotations

from collections.abc import Callable


def dispatch(name: str, *_: object) -> Callable[..., str]:
    """A macro that renders to its name with its first argument, or to the name of a type."""

    def render(*arguments: object) -> str:
        if name.startswith("type_"):
            return "text"
        return f"{name}({arguments[0]})" if arguments else f"{name}()"

    return render
