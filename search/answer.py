"""The one function: a query in, an answer that explains itself out. Start reading here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from kg_builder.model import Digest
from kg_builder.projection import Projection
from search.expand import Chosen, ExpandedTerm, Expansion, add_spellings, expand, expand_by_hand, leave_out
from search.explain import Result, explain
from search.gate import Gate, admit
from search.index import TextIndex
from search.linker import Linked, LinkedTerm, find_term, find_terms, link
from search.onward import call_terms, did_you_mean, pubmed_query, related_terms
from search.query import Audience, Query, Words, read_words
from search.retrieve import find_about, retrieve, weigh
from search.spelling import correct
from search.subjects import add_subjects, find_subjects
from strokemap.errors import ListOutdated
from strokemap.text import fold


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
    offset: int
    more: bool
    """Whether there is a next page."""
    index: str
    """Digest of the text index: pages of one list are of one index."""
    said: Mapping[str, str]
    """What to call each term of the expansion: for patients its plainest name, or nothing."""
    related: tuple[str, ...]
    """Titles of terms to go on with."""
    did_you_mean: str
    """The query as it was meant; empty where no word is misspelt."""
    pubmed: str
    """The expanded query as PubMed takes it."""


def search(query: Query, *, projection: Projection, index: TextIndex, gate: Gate) -> Answer:
    """Answer a query from the published map and the text index, touching nothing else.

    Errors: QueryInvalid, TermUnknown, ListOutdated; IndexMissing where the index's files are damaged.
    """
    words = read_words(query)
    if query.index not in ("", index.digest):
        raise ListOutdated(
            "The articles or the map have changed since the first page.",
            hint="Start again at the first page.",
            where="index",
        )
    audience = cast(Audience, query.audience)
    chosen = _choose(query, projection=projection, index=index)
    if query.expand:
        linked, expansion = understand(
            words, chosen=chosen, audience=audience, projection=projection, index=index, pages=index, gate=gate
        )
    else:
        linked = link(words, projection=projection)
        expansion = expand_by_hand(chosen, audience=audience, projection=projection)
    weighted = weigh(words, linked=linked, expansion=expansion, easy=audience == "patient")
    # One more than is shown tells whether there is a next page.
    hits = retrieve(weighted, index=index, filters=query.filters, limit=query.limit + 1, offset=query.offset)
    said = call_terms(expansion, linked=linked, audience=audience)
    return Answer(
        query=query.text,
        audience=query.audience,
        build=projection.digest,
        terms=linked.terms,
        unlinked=linked.unlinked,
        expansion=expansion.terms,
        why_no_expansion=expansion.why_none,
        results=explain(hits[: query.limit], weighted=weighted, said=said),
        offset=query.offset,
        more=len(hits) > query.limit,
        index=index.digest,
        said=said,
        related=related_terms(linked, expansion, (hit.article for hit in hits)),
        did_you_mean=did_you_mean(query.text, expansion.corrected),
        pubmed=pubmed_query(linked, expansion),
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
    expansion = expand(linked, chosen=chosen, audience=audience, projection=projection, corrected=words.corrected)
    expansion = admit(expansion, linked=linked, gate=gate)
    own = weigh(words, linked=linked, expansion=Expansion())
    own = replace(own, words=tuple(words.corrected.get(word, word) for word in own.words))
    subjects = find_subjects(own, index=index, pages=pages)
    expansion = add_subjects(
        expansion, subjects, linked=linked, chosen=chosen, audience=audience, projection=projection
    )
    return linked, leave_out(add_spellings(expansion, words.corrected), chosen)


def _choose(query: Query, *, projection: Projection, index: TextIndex) -> Chosen:
    unknown = [name for name in query.without_terms if find_term(name, projection=projection) is None]
    # What was added by the library's texts is no term of the map, and can be left out as well.
    of_texts = {name for name in unknown if index.knows(fold(name)) or find_about([name], index=index, limit=1)}
    return Chosen(
        added=find_terms(query.with_terms, projection=projection, option="with"),
        left_out=find_terms(query.without_terms, projection=projection, option="without", passed_over=of_texts),
        names_left_out=frozenset(fold(name) for name in query.without_terms),
    )
