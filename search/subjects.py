"""What the texts found first are about: from a reader's everyday words to subjects that they do not name.

“Pauses in breathing while sleeping” names no term, yet stands in the texts on sleep apnoea. The own words are searched
among the first sections of the map's pages and among the library's articles:

page       the first page, where its title and BEGINNING have nearly all of the words (LEAST_COVERAGE)
articles   the subject that most of the first five articles share, by score, where two agree (LEAST_AGREEMENT)

Both limits keep an expansion out of queries that the map and the library are not about. See docs/measurements.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kg_builder.projection import Projection
from search.article import Article
from search.expand import MOST_NAMES, OWN_NAMES, Chosen, ExpandedTerm, Expansion, names_of, put_together
from search.index import TextIndex
from search.linker import Linked, find_term
from search.query import Audience
from search.retrieve import WeightedQuery, rank

FIRST = 5
BEGINNING = 400
"""Characters of a page that say what it is about."""
LEAST_COVERAGE = 0.8
LEAST_AGREEMENT = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What texts that have the words are about: the title of a term, or what a library calls it, with other names."""

    name: str
    other_names: tuple[str, ...] = ()
    of_map: bool
    """Said by a page of the map; otherwise by articles of the library."""
    reason: str


def find_subjects(own: WeightedQuery, *, index: TextIndex, pages: TextIndex) -> tuple[Subject, ...]:
    """Give at most two subjects, that of the map's pages first. ``index`` has the articles, ``pages`` the pages."""
    return (*_of_pages(own, pages=pages), *_of_articles(own, index=index))


def add_subjects(
    expansion: Expansion,
    subjects: Sequence[Subject],
    *,
    linked: Linked,
    chosen: Chosen,
    audience: Audience,
    projection: Projection,
) -> Expansion:
    """Give the expansion with what the texts found first are about, unless it is there already or left out."""
    banned = {projection.titles[term] for term in (*chosen.left_out, *chosen.added)} | {*linked.excluded_terms}
    terms = {term.term: term for term in expansion.terms}
    said = {item.term: item.surface for item in linked.terms}
    for subject in subjects:
        known = find_term(subject.name, projection=projection)
        title = subject.name if known is None else projection.titles[known]
        if title in banned or (title in terms and terms[title].weight >= OWN_NAMES):
            continue
        if known is None:
            names: tuple[str, ...] = (subject.name, *subject.other_names)[:MOST_NAMES]
        else:
            names = names_of(known, audience=audience, projection=projection, said=said.get(title, ""))
        if names:
            terms[title] = ExpandedTerm(term=title, weight=OWN_NAMES, reason=subject.reason, names=names)
    return put_together(terms.values(), expansion)


def _of_pages(own: WeightedQuery, *, pages: TextIndex) -> Iterator[Subject]:
    found = rank(own, index=pages, limit=1, role="lead")
    if not found:
        return
    page = pages.article(found[0][0])
    if _coverage(own, page, index=pages) >= LEAST_COVERAGE:
        yield Subject(name=page.title, of_map=True, reason="its page has these words at the beginning")


def _of_articles(own: WeightedQuery, *, index: TextIndex) -> Iterator[Subject]:
    found = rank(own, index=index, limit=FIRST, role="article")
    articles = index.articles_by_id([id for id, _ in found])
    shares: dict[str, float] = defaultdict(float)
    for id, score in found:
        for name in _subjects(articles[id]):
            shares[name] += score / sum(score for _, score in found)
    if not shares:
        return
    name = max(shares, key=lambda name: (shares[name], name))
    about = [article for article in articles.values() if name in _subjects(article)]
    if shares[name] >= LEAST_AGREEMENT and len(about) > 1:
        synonyms = dict.fromkeys(synonym for article in about if article.focus == name for synonym in article.synonyms)
        reason = f"{len(about)} of the first {len(found)} articles are about it"
        yield Subject(name=name, other_names=tuple(synonyms), of_map=False, reason=reason)


def _subjects(article: Article) -> tuple[str, ...]:
    return (article.focus,) if article.focus else article.subjects


def _coverage(own: WeightedQuery, page: Article, *, index: TextIndex) -> float:
    """Give the share of the words that stand in a page's title and first characters."""
    beginning = f"{page.title} {page.text[:BEGINNING]}"
    there = {stem for _, stem in index.stems(beginning)}
    asked = {stem for word in own.words for _, stem in index.stems(word)}
    return len(asked & there) / (len(asked) or 1)
