"""The nouns of the map as JSON: a dataclass as the list of its fields in order. Exact both ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

_T = TypeVar("_T")


def pack(value: object) -> str:
    """Give dataclasses, tuples, texts, numbers and times as JSON."""
    return json.dumps(value, default=_plain, ensure_ascii=False)


def unpack(kind: type[_T], text: str) -> _T:
    """Give back what was packed. Errors: ValueError, TypeError for what was not packed from this kind."""
    return rebuild(kind, json.loads(text))


def rebuild(kind: type[_T], value: object) -> _T:
    """Give the value of a kind from JSON that is parsed already, or from a row of columns."""
    return cast(_T, _reader(cast(Any, kind))(value))


def _plain(value: Any) -> object:
    return value.isoformat() if isinstance(value, datetime) else [getattr(value, one.name) for one in fields(value)]


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """Work out once for each type how its values are read, for a map has millions of them."""
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        readers = [(one.name, _reader(hints[one.name])) for one in fields(kind)]
        # A row of an older version may end before the fields that were added since; these have defaults.
        return lambda row: kind(
            **{name: read(item) for (name, read), item in zip(readers[: len(row)], row, strict=True)}
        )
    if get_origin(kind) is tuple:
        kinds = get_args(kind)
        if kinds[-1] is Ellipsis:
            each = _reader(kinds[0])
            return lambda row: tuple(map(each, row))
        parts = [_reader(one) for one in kinds]
        return lambda row: tuple(read(item) for read, item in zip(parts, row, strict=True))
    return datetime.fromisoformat if kind is datetime else lambda value: value
