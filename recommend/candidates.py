"""Needs spread over the map → articles from the text index, with what each need found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kg_builder.projection import Projection
from recommend.match import spread
from recommend.needs import Need
from recommend.weights import Limits
from search.article import WIKI, Article
from search.expand import ExpandedTerm
from search.index import TextIndex
from search.query import Filters
from search.retrieve import WeightedQuery, find_about, retrieve
from strokemap.text import is_abbreviation

_MOST_NAMES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An article that some need found.

    ``shares`` gives, for the names of each need that the article has words of, its part of the best score for them.
    """

    article: Article
    shares: Mapping[tuple[str, ...], float]


def find_candidates(
    needs: Sequence[Need], *, projection: Projection, index: TextIndex, limits: Limits
) -> tuple[Candidate, ...]:
    """Give all articles that the needs find and a patient might read, sorted by id.

    Found is what says that it is about a need or a term near it, and the best of what only speaks of them: the many
    that mention a common need in passing must not crowd out those that are about it.
    """
    found: set[str] = set()
    shares: dict[str, dict[tuple[str, ...], float]] = {}
    for need in needs:
        query = make_query(need, projection=projection, limits=limits)
        names = [name for term in query.terms for name in term.names]
        found.update(find_about(names, index=index, limit=max(1, len(index))))
        hits = retrieve(query, index=index, filters=Filters(), limit=int(limits.found))
        own = {
            hit.id: sum(part.score for part in hit.parts if part.term == need.names[0])
            for hit in hits
            if _readable(hit.article)
        }
        best = max(own.values(), default=0.0) or 1.0
        for id, score in own.items():
            shares.setdefault(id, {})[need.names] = score / best
    articles = index.articles_by_id(sorted(found | set(shares)))
    return tuple(
        Candidate(article=article, shares=shares.get(id, {})) for id, article in articles.items() if _readable(article)
    )


def make_query(need: Need, *, projection: Projection, limits: Limits) -> WeightedQuery:
    """Ask for the need's own names, and at low weight for its nearest terms in the map."""
    own = ExpandedTerm(term=need.names[0], names=_names(need, projection=projection), weight=1.0)
    near = spread(need, projection=projection)
    nearest = sorted((term for term in near if term != need.term), key=lambda term: (-near[term], term))
    titles = {term: projection.titles[term] for term in nearest[: int(limits.spread)]}
    others = [ExpandedTerm(term=title, names=(title,), weight=near[term]) for term, title in titles.items()]
    return WeightedQuery(terms=(own, *others))


def _names(need: Need, *, projection: Projection) -> tuple[str, ...]:
    of_map = () if need.term is None else (projection.titles[need.term], *projection.other_names(need.term))
    # The index knows no case, so that "AF" would find "af" in any sense.
    usable = dict.fromkeys(name for name in (*need.names, *of_map) if not is_abbreviation(name))
    return tuple(usable)[:_MOST_NAMES]


def _readable(article: Article) -> bool:
    # Hard sections of Wikipedia are no patient's reading. There are so many that, left to the rule for clinicians'
    # articles, they would bury whatever else a rule withholds.
    return not article.id.startswith(WIKI) or article.audience != "clinician"
