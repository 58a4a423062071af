"""Terms, links and texts as Neo4j keeps them, exact both ways, and as people ask for them. Needs no server."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from kg_builder.model import Digest, Evidence, Link, PageText, Section, Term
from kg_builder.packing import pack, unpack

_PATH = """\
UNWIND range(0, size($titles) - 2) AS step
MATCH path = (:Term {build: $build, title: $titles[step]})-[:LINKED]-(:Term {build: $build, title: $titles[step + 1]})
RETURN path"""


def term_row(number: int, term: Term) -> dict[str, object]:
    """Give a term's properties; ``codes`` and ``code_systems`` go side by side."""
    return {
        "id": number,
        "title": term.title,
        "other_names": list(term.other_names),
        "path_length": term.path_length,
        "relevance": term.relevance,
        "reasons": list(term.reasons),
        "code_systems": [system for system, _ in term.codes],
        "codes": [code for _, code in term.codes],
        "summary": term.summary,
        "content_hash": term.content_hash,
    }


def term_of(row: Mapping[str, Any]) -> Term:
    """Give back what ``term_row`` was given."""
    return Term(
        title=row["title"],
        other_names=tuple(row["other_names"]),
        path_length=row["path_length"],
        relevance=row["relevance"],
        reasons=tuple(row["reasons"]),
        codes=tuple(zip(row["code_systems"], row["codes"], strict=True)),
        summary=row["summary"],
        content_hash=Digest(row["content_hash"]),
    )


def link_row(a: str, b: str, link: Link) -> list[object]:
    """Give the server's names of the two nodes, and the evidence as four lists side by side."""
    return [
        a,
        b,
        {
            "sources": [one.source for one in link.evidence],
            "targets": [one.target for one in link.evidence],
            "sections": [one.section for one in link.evidence],
            "sentences": [one.sentence for one in link.evidence],
        },
    ]


def link_of(a: str, b: str, evidence: Sequence[Sequence[str]]) -> Link:
    """Give a link back from its titles and its four lists."""
    return Link(
        a=a,
        b=b,
        evidence=tuple(
            Evidence(source=source, target=target, section=section, sentence=sentence)
            for source, target, section, sentence in zip(*evidence, strict=True)
        ),
    )


def text_row(number: int, text: PageText) -> list[object]:
    """Give a text's term and its sections, packed small: people read pages elsewhere."""
    return [number, zlib.compress(pack(text.sections).encode(), 3)]


def text_of(title: str, sections: bytes) -> PageText:
    """Give a text back."""
    return PageText(title=title, sections=unpack(tuple[Section, ...], zlib.decompress(sections).decode()))


def path_cypher(digest: Digest, titles: Sequence[str]) -> tuple[LiteralString, dict[str, object]]:
    """Give the query that shows a path of linked terms, a row for each link, and the parameters it is run with."""
    return _PATH, {"build": digest, "titles": list(titles)}
