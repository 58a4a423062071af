"""The one function: a query in, an answer that explains itself out. Start reading here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from kg_builder.model import Digest
from kg_builder.projection import Projection
from search.expand import Chosen, ExpandedTerm, expand, expand_by_hand
from search.explain import Result, explain
from search.gate import Gate, admit
from search.index import TextIndex
from search.linker import LinkedTerm, find_terms, link
from search.query import Audience, Query, read_words
from search.retrieve import retrieve, weigh


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was asked, how it was understood, what was added and why, and what was found."""

    query: str
    audience: str
    build: Digest
    terms: tuple[LinkedTerm, ...]
    unlinked: tuple[str, ...]
    expansion: tuple[ExpandedTerm, ...]
    why_no_expansion: str
    """A sentence where ``expansion`` is empty, or holds only what was added by hand; otherwise empty."""
    results: tuple[Result, ...]


def search(query: Query, *, projection: Projection, index: TextIndex, gate: Gate) -> Answer:
    """Answer a query from the published map and the text index, touching nothing else.

    Errors: QueryInvalid, TermUnknown; IndexMissing where the index's files are damaged.
    """
    words = read_words(query)
    audience = cast(Audience, query.audience)
    linked = link(words, projection=projection)
    chosen = Chosen(
        added=find_terms(query.with_terms, projection=projection, option="with"),
        left_out=find_terms(query.without_terms, projection=projection, option="without"),
    )
    if query.expand:
        expansion = expand(linked, chosen=chosen, audience=audience, projection=projection)
        expansion = admit(expansion, linked=linked, gate=gate)
    else:
        expansion = expand_by_hand(chosen, audience=audience, projection=projection)
    weighted = weigh(words, linked=linked, expansion=expansion)
    hits = retrieve(weighted, index=index, filters=query.filters, limit=query.limit)
    return Answer(
        query=query.text,
        audience=query.audience,
        build=projection.digest,
        terms=linked.terms,
        unlinked=linked.unlinked,
        expansion=expansion.terms,
        why_no_expansion=expansion.why_none,
        results=explain(hits, weighted=weighted),
    )
