"""The read side of one process: projection, text index and profiles, opened anew when a pointer moved."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from hive_queries import published_profiles
from hive_queries.profiles import Profiles
from kg_builder import Projection, published_projection
from recommend import Rulebook, Weights, load_rulebook, load_weights
from search import Gate, TextIndex, published_index
from search.gate import load_gate
from strokemap.errors import ProfilesMissing
from strokemap.home import POINTERS, Home


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSide:
    """What answers are made from; all of one moment."""

    projection: Projection
    index: TextIndex
    gate: Gate
    profiles: Profiles | None
    rulebook: Rulebook
    weights: Weights

    def histories(self) -> Profiles:
        """Give the profiles. Errors: ProfilesMissing before the first ones were made."""
        if self.profiles is None:
            raise ProfilesMissing(
                "No profiles were made yet.", hint="Run: strokemap histories sync …, then strokemap histories profiles."
            )
        return self.profiles


class Reader:
    """Hands out the current ReadSide; a new build or index swaps in between two requests."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._opened: tuple[tuple[str | None, ...], ReadSide] | None = None

    def current(self) -> ReadSide:
        """Give what the pointers name now. Errors: NothingPublished, ProjectionMissing, IndexMissing."""
        pointers = tuple(self._home.current(name) for name in POINTERS)
        with self._lock:
            if self._opened is None or self._opened[0] != pointers:
                self._opened = (pointers, self._open())
            return self._opened[1]

    def _open(self) -> ReadSide:
        return ReadSide(
            projection=published_projection(self._home),
            index=published_index(self._home),
            gate=load_gate(),
            profiles=published_profiles(self._home) if self._home.current("profiles") else None,
            rulebook=load_rulebook(),
            weights=load_weights(),
        )
