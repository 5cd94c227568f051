"""Stands in for dbt's ``adapter`` when sqlfluff reads the models: what a macro prints doesn't
matter to the linter, only that it is an expression (or a type).
"""

from __future__ import annotations

from collections.abc import Callable


def dispatch(name: str, *_: object) -> Callable[..., str]:
    """A macro that prints its own name and first argument, or a type's name."""

    def printed(*arguments: object) -> str:
        if name.startswith("type_"):
            return "text"
        return f"{name}({arguments[0]})" if arguments else f"{name}()"

    return printed
