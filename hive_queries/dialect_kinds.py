"""Whether an expression is a text, a number or a date, as far as it shows: engines differ in how they mix them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from sqlglot import exp

_TYPES = {"STRING": "text", "DATE": "date", "BIGINT": "number", "DOUBLE": "number"}
_TEXTS = (exp.Concat, exp.ConcatWs, exp.DPipe, exp.TimeToStr, exp.Lower)
_NUMBERS = (
    *(exp.Count, exp.Sum, exp.Abs, exp.Length, exp.Year, exp.Month, exp.Day, exp.DateDiff),
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg),
)
_FIRSTS = (exp.Min, exp.Max, exp.Nullif, exp.Coalesce)
"""What they give is what their first part is."""


@cache
def _columns() -> dict[str, str]:
    text = (files("hive_queries") / "tables.hql").read_text(encoding="utf-8")
    return {name: _TYPES[type_] for name, type_ in re.findall(rf"(\w+) ({'|'.join(_TYPES)})\b", text)}


def kind_of(node: exp.Expr) -> str:
    """Give text, number or date, by the columns of ``tables.hql`` and the functions; "" where it does not show."""
    node = node.unnest()
    while isinstance(node, _FIRSTS):
        node = node.this.unnest()
    if isinstance(node, exp.Column):
        return _columns().get(node.name, "")
    if isinstance(node, _TEXTS) or (isinstance(node, exp.Literal) and node.is_string):
        return "text"
    if isinstance(node, exp.Cast):
        return "date" if node.to.is_type("date") else ""
    return "number" if isinstance(node, (*_NUMBERS, exp.Literal)) else ""


def mixes(node: exp.Expr) -> bool:
    """Tell whether a number and a text are compared, or are alternatives."""
    parts: Iterable[exp.Expr | None] = node.iter_expressions()
    if isinstance(node, exp.Case):
        parts = [node.args.get("default"), *(branch.args["true"] for branch in node.args["ifs"])]
    elif isinstance(node, exp.If):
        parts = [node.args.get("true"), node.args.get("false")]
    return {"text", "number"} <= {kind_of(part) for part in parts if part}


def is_constant(node: exp.Expr) -> bool:
    """Tell whether it is arithmetic of written numbers alone."""
    return all(isinstance(part, exp.Literal | exp.Neg | exp.Paren | exp.Binary) for part in node.walk())
