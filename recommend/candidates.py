"""Needs spread over the map → articles from the text index, with what each need found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kg_builder.projection import Projection, TermId
from recommend.match import Spread
from recommend.needs import Need
from recommend.weights import Limits
from search.article import WIKI, Article
from search.index import TextIndex
from search.query import Filters
from search.retrieve import Hit, WeightedQuery, WeightedTerm, retrieve
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
    """Give all articles that the needs find and a patient might read, sorted by id."""
    articles: dict[str, Article] = {}
    shares: dict[str, dict[tuple[str, ...], float]] = {}
    for need in needs:
        query = make_query(need, projection=projection, limits=limits)
        hits = [
            hit for hit in retrieve(query, index=index, filters=Filters(), limit=int(limits.found)) if _readable(hit)
        ]
        own = {hit.id: _own_score(hit, own=query.terms[0].title) for hit in hits}
        best = max(own.values(), default=0.0) or 1.0
        for hit in hits:
            articles[hit.id] = hit.article
            shares.setdefault(hit.id, {})[need.names] = own[hit.id] / best
    return tuple(Candidate(article=articles[id], shares=shares[id]) for id in sorted(articles))


def make_query(need: Need, *, projection: Projection, limits: Limits) -> WeightedQuery:
    """Ask for the need's own names, and at low weight for its nearest terms in the map."""
    own = WeightedTerm(title=need.names[0], names=_names(need, projection=projection), weight=1.0)
    near = Spread.of(need, projection=projection).nearness
    nearest = sorted((term for term in near if term != need.term), key=lambda term: (-near[term], term))
    return WeightedQuery(
        terms=(
            own,
            *(
                WeightedTerm(title=projection.titles[term], names=(projection.titles[term],), weight=near[term])
                for term in nearest[: int(limits.spread)]
            ),
        )
    )


def _names(need: Need, *, projection: Projection) -> tuple[str, ...]:
    names = [*need.names, *(() if need.term is None else _map_names(need.term, projection=projection))]
    # The index knows no case, so that "AF" would find "af" in any sense.
    usable = dict.fromkeys(name for name in names if not is_abbreviation(name))
    return tuple(usable)[:_MOST_NAMES]


def _map_names(term: TermId, *, projection: Projection) -> tuple[str, ...]:
    return (projection.titles[term], *projection.other_names(term))


def _readable(hit: Hit) -> bool:
    # Hard sections of Wikipedia are no patient's reading. There are so many that, left to the rule for clinicians'
    # articles, they would bury whatever else a rule withholds.
    return not hit.id.startswith(WIKI) or hit.article.audience != "clinician"


def _own_score(hit: Hit, *, own: str) -> float:
    return sum(part.score for part in hit.parts if part.term == own)
