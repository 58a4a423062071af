r"""Values as literals of HiveQL: nothing in a value can end its literal, or is replaced by the server.

Neither HiveServer2 nor PyHive binds parameters. Hive and Spark agree on ``\uXXXX`` in a string, so every sign but the
harmless ones is written so: quotes, backslashes, comments and the ``${…}`` that servers replace even inside strings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date

from hive_queries.engines.base import Parameter
from hive_queries.statement import Statement
from strokemap.errors import QuestionInvalid

_HARMLESS = re.compile(r"[^A-Za-z0-9 ]")
_PIECE = re.compile(
    r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|:(?P<name>[a-z][a-z0-9_]*)", re.DOTALL
)
_LARGEST = 2**63


def fill_in(statement: Statement, parameters: Mapping[str, Parameter]) -> str:
    """Give a statement's HiveQL with its values in place of ``:name``; strings and comments stay as they are."""
    literals = {name: literal(parameters[name], name=name) for name in statement.parameters}
    return _PIECE.sub(lambda piece: literals[piece["name"]] if piece["name"] else piece[0], statement.hiveql)


def literal(value: Parameter, *, name: str = "") -> str:
    """Write one value. Errors: QuestionInvalid for what no engine can hold: half a character, inf, nan, 2**63."""
    match value:
        case str():
            return text_literal(value, name=name)
        case bool():
            pass
        case int() if -_LARGEST < value < _LARGEST:
            return f"CAST('{value}' AS BIGINT)"
        case float() if math.isfinite(value):
            return f"CAST('{value!r}' AS DOUBLE)"
        case date() if type(value) is date:
            return f"CAST('{value.isoformat()}' AS DATE)"
    raise _invalid(name)


def text_literal(text: str, *, name: str = "") -> str:
    """Write a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _invalid(name) from None
    return f"'{_HARMLESS.sub(_escaped, text)}'"


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _invalid(name: str) -> QuestionInvalid:
    return QuestionInvalid(
        f"The parameter “{name}” has a value that no engine can hold.",
        hint="Give a text, a whole or a finite number, or a date.",
        where=f"param.{name}",
    )
