"""Cypher for people: what to run in Neo4j Browser to see on screen what an answer was made of. Needs no server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from kg_builder.model import Digest

_PATH = """\
UNWIND range(0, size($titles) - 2) AS step
MATCH path = (:Term {build: $build, title: $titles[step]})-[:LINKED]-(:Term {build: $build, title: $titles[step + 1]})
RETURN path"""


def path_cypher(digest: Digest, titles: Sequence[str]) -> tuple[LiteralString, dict[str, object]]:
    """Give the query that shows a path of linked terms, a row for each link, and the parameters it is run with."""
    return _PATH, {"build": digest, "titles": list(titles)}
