"""Progress of long work: a callback that rooms call and faces draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""``progress(what, done, total)``: ``what`` is a short phrase, ``total`` is None where it can't be known."""


def silent(what: str, done: int, total: int | None) -> None:
    """Report nothing."""
