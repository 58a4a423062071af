"""Terms, links and texts as Neo4j keeps them, exact both ways, and as people ask for them. Needs no server."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from kg_builder.model import Digest, Evidence, Link, PageText, Section, Term
from kg_builder.packing import pack, rebuild, unpack

_PATH = """\
UNWIND {steps} AS step
MATCH path = (:Term {{build: '{digest}', title: step[0]}})-[:LINKED]-(:Term {{build: '{digest}', title: step[1]}})
RETURN path"""


def term_row(number: int, term: Term) -> dict[str, object]:
    """Give a term's properties; ``codes`` and ``code_systems`` go side by side."""
    systems, codes = [system for system, _ in term.codes], [code for _, code in term.codes]
    return asdict(term) | {"id": number, "code_systems": systems, "codes": codes}


def term_of(row: Mapping[str, Any]) -> Term:
    """Give back what ``term_row`` was given."""
    codes = tuple(zip(row["code_systems"], row["codes"], strict=True))
    return rebuild(Term, [codes if one.name == "codes" else row[one.name] for one in fields(Term)])


def link_row(a: str, b: str, link: Link) -> list[object]:
    """Give the server's names of the two nodes, and the evidence as four lists side by side."""
    kept = ("source", "target", "section", "sentence")
    return [a, b, {f"{name}s": [getattr(one, name) for one in link.evidence] for name in kept}]


def link_of(a: str, b: str, evidence: Sequence[Sequence[str]]) -> Link:
    """Give a link back from its titles and its four lists."""
    return Link(a=a, b=b, evidence=tuple(rebuild(Evidence, row) for row in zip(*evidence, strict=True)))


def text_row(number: int, text: PageText) -> list[object]:
    """Give a text's term and its sections, packed small: people read pages elsewhere."""
    return [number, zlib.compress(pack(text.sections).encode(), 3)]


def text_of(title: str, sections: bytes) -> PageText:
    """Give a text back."""
    return PageText(title=title, sections=unpack(tuple[Section, ...], zlib.decompress(sections).decode()))


def path_cypher(digest: Digest, steps: Iterable[tuple[str, str]]) -> str:
    """Give what shows a path of linked terms in Neo4j Browser, a row for each link; nothing for no path.

    For people to paste; we never run it. A list of strings of JSON is one of Cypher: no title ends its own string.
    """
    pairs = list(steps)
    return _PATH.format(steps=json.dumps(pairs, ensure_ascii=False), digest=digest) if pairs else ""
