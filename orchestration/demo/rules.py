"""Evaluates the cross-check rules independently of the warehouse, in Python with exact fractions.

The warehouse runs the same expressions in DuckDB. This module shares no code with it, so that each
checks the other.

For each set of missing operands an expression is translated into two conditions of two-valued
logic, "is true" and "is false". A comparison with a missing operand, or with a division by zero, is
neither.

Belongs here: SQL's three-valued logic for the expressions of ``rules.csv``. Doesn't belong here:
which values a rule excludes (``truth``).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

__all__ = ["Expression", "Number"]

Number = int | Fraction

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
}


def _divide(dividend: Number, divisor: Number) -> Fraction:
    return Fraction(dividend) / divisor


class Expression:
    """A boolean SQL expression over operand names.

    Attributes:
        names: the operands, sorted.

    Raises:
        ValueError: the expression uses syntax that is not supported.
    """

    __slots__ = ("_cache", "_tree", "names")

    def __init__(self, text: str) -> None:
        source = re.sub(r"<>", "!=", text)
        source = re.sub(r"(?<![<>!=])=(?!=)", "==", source)
        source = re.sub(r"\b(AND|OR|NOT|ABS)\b", lambda m: m.group().lower(), source)
        try:
            self._tree = ast.parse(source.strip(), mode="eval").body
        except SyntaxError as error:
            raise ValueError(f"rule expression {text!r}: {error}") from None
        self.names = tuple(
            sorted(
                {n.id for n in ast.walk(self._tree) if isinstance(n, ast.Name) and n.id != "abs"}
            )
        )
        self._cache: dict[tuple[bool, ...], Callable[[Mapping[str, Number]], bool]] = {}

    def is_false(self, values: Mapping[str, Number]) -> bool:
        """Whether the rule fires: it is definitely false; names not in ``values`` are null."""
        mask = tuple([name in values for name in self.names])
        found = self._cache.get(mask)
        if found is None:
            missing = {name for name, given in zip(self.names, mask, strict=True) if not given}
            scope = {"Fraction": Fraction, "_divide": _divide, "__builtins__": {"abs": abs}}
            _, false = _sides(self._tree, missing)
            # The source is built below from a fixed set of operators and operand names.
            found = self._cache[mask] = eval(f"lambda v: {false}", scope)  # noqa: S307
        return found(values)


def _sides(node: ast.AST, missing: set[str]) -> tuple[str, str]:
    """Python source of the conditions "is true" and "is false"."""
    match node:
        case ast.BoolOp(op=op, values=values):
            sides = [_sides(value, missing) for value in values]
            true, false = (" and ", " or ") if isinstance(op, ast.And) else (" or ", " and ")
            return (
                "(" + true.join(side[0] for side in sides) + ")",
                "(" + false.join(side[1] for side in sides) + ")",
            )
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            true, false = _sides(operand, missing)
            return false, true
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            guards: list[str] = []
            one, other = _number(left, missing, guards), _number(right, missing, guards)
            if one is None or other is None:
                return "False", "False"
            comparison = f"({one} {_OPERATORS[type(op)]} {other})"
            guard = "".join(f"{each} and " for each in guards)
            return f"({guard}{comparison})", f"({guard}not {comparison})"
        case _:
            raise ValueError(f"rule expression: {ast.unparse(node)!r} is not a condition")


def _number(node: ast.AST, missing: set[str], guards: list[str]) -> str | None:
    """Python source of a number, or None if it is null; adds a guard for each divisor."""
    match node:
        case ast.Name(id=name):
            return None if name in missing else f"v[{name!r}]"
        case ast.Constant(value=int() as value) if not isinstance(value, bool):
            return str(value)
        case ast.Constant(value=float() as value):
            exact = Fraction(repr(value))
            return f"Fraction({exact.numerator}, {exact.denominator})"
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _number(operand, missing, guards)
            return None if inner is None else f"(-{inner})"
        case ast.Call(func=ast.Name(id="abs"), args=[argument], keywords=[]):
            inner = _number(argument, missing, guards)
            return None if inner is None else f"abs({inner})"
        case ast.BinOp(left=left, op=op, right=right):
            one, other = _number(left, missing, guards), _number(right, missing, guards)
            if one is None or other is None:
                return None
            if isinstance(op, ast.Div):
                guards.append(f"{other} != 0")
                return f"_divide({one}, {other})"
            if type(op) in _OPERATORS:
                return f"({one} {_OPERATORS[type(op)]} {other})"
    raise ValueError(f"rule expression: {ast.unparse(node)!r} is not known")
