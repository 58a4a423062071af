"""The one function: a query in, an answer that explains itself out. Start reading here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from kg_builder.model import Digest
from kg_builder.projection import Projection
from search.expand import Chosen, ExpandedTerm, Expansion, add_spellings, expand, expand_by_hand
from search.explain import Result, explain
from search.gate import Gate, admit
from search.index import TextIndex
from search.linker import Linked, LinkedTerm, find_terms, link
from search.query import Audience, Query, Words, read_words
from search.retrieve import retrieve, weigh
from search.spelling import correct
from search.subjects import add_subjects, find_subjects


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
    chosen = Chosen(
        added=find_terms(query.with_terms, projection=projection, option="with"),
        left_out=find_terms(query.without_terms, projection=projection, option="without"),
    )
    if query.expand:
        linked, expansion = understand(
            words, chosen=chosen, audience=audience, projection=projection, index=index, pages=index, gate=gate
        )
    else:
        linked = link(words, projection=projection)
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


def understand(
    words: Words,
    *,
    chosen: Chosen,
    audience: Audience,
    projection: Projection,
    index: TextIndex,
    pages: TextIndex,
    gate: Gate,
) -> tuple[Linked, Expansion]:
    """Give what a query names and what is added to it: by its terms, by what the first texts are about, by spelling.

    ``pages`` holds the map's pages; it is the index itself unless a collection is measured.
    """
    words = correct(words, index=index, pages=pages)
    linked = link(words, projection=projection)
    expansion = expand(linked, chosen=chosen, audience=audience, projection=projection)
    expansion = admit(expansion, linked=linked, gate=gate)
    own = weigh(words, linked=linked, expansion=Expansion())
    own = replace(own, words=tuple(words.corrected.get(word, word) for word in own.words))
    subjects = find_subjects(own, index=index, pages=pages)
    expansion = add_subjects(
        expansion, subjects, linked=linked, chosen=chosen, audience=audience, projection=projection
    )
    return linked, add_spellings(expansion, words.corrected)
