"""Candidates → scores as sums of named parts → a varied choice. Pure; ties are broken by article id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from kg_builder.projection import Projection, TermId
from recommend.candidates import Candidate
from recommend.match import SMALL_WORDS, Topics, aboutness, name_keys, spread, terms_of
from recommend.needs import Need
from recommend.stage import AT_RISK, Stage
from recommend.weights import FEATURES, Limits, Weights
from search.article import STAGES, Article
from strokemap.text import words

_AUDIENCES = {"patient": 1.0, "": 0.5}
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One feature's part of a score: ``score`` is ``value`` × ``weight``."""

    feature: str
    value: float
    weight: float
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How an article meets one need: by being about it, by the map and by its words, each times the need's weight."""

    need: Need
    about: float
    map: float
    text: float
    term: TermId | None
    """The article's subject that the map's part comes from."""

    @property
    def strength(self) -> float:
        """Give what makes the match worth recommending. A word in passing does not: it only adds to a better match."""
        return max(self.about, self.map)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A candidate with its score, the parts that add up to it, and the needs it meets, strongest first.

    The first match is strong enough by itself; later ones may be by words alone.
    """

    article: Article
    score: float
    parts: tuple[Part, ...]
    matches: tuple[Match, ...]

    @property
    def chief(self) -> Need:
        """Give the need that the article is recommended for above all."""
        return self.matches[0].need

    def meets(self, need: Need) -> bool:
        """Tell whether this need is among those that the article meets."""
        return any(match.need.names == need.names for match in self.matches)


def rank(
    candidates: Iterable[Candidate], *, needs: Sequence[Need], stage: Stage, as_of: date, projection: Projection,
    weights: Weights,
) -> tuple[Ranked, ...]:  # fmt: skip
    """Give the candidates that are near enough to some need, best first."""
    keys = {need.names: name_keys(need, projection=projection) for need in needs}
    spreads = {need.names: spread(need, projection=projection) for need in needs}
    all_words = frozenset(word for each in keys.values() for key in each for word in key.split())
    ranked = []
    for candidate in candidates:
        topics = Topics.of(candidate.article)
        terms = terms_of(topics, projection=projection)
        matches = []
        for need in needs:
            nearness = spreads[need.names]
            term = min(
                (term for term in terms if term in nearness), key=lambda term: (-nearness[term], term), default=None
            )
            about = need.weight * aboutness(topics, keys[need.names], all_words=all_words)
            near = need.weight * (0.0 if term is None else nearness[term])
            text = need.weight * candidate.shares.get(need.names, 0.0)
            matches.append(Match(need=need, about=about, map=near, text=text, term=term))
        matches.sort(key=lambda match: (-match.strength, -match.need.weight, match.need.names))
        least = weights.limits.least
        if matches and matches[0].strength >= least:
            strong = tuple(match for match in matches if max(match.strength, match.text) >= least)
            ranked.append(_score(candidate.article, strong, stage=stage, as_of=as_of, weights=weights))
    return tuple(sorted(ranked, key=lambda each: (-each.score, each.article.id)))


def choose(ranked: Sequence[Ranked], *, limits: Limits, limit: int) -> tuple[Ranked, ...]:
    """Give at most ``limit`` of ``ranked``, best first: a varied choice.

    Each strong need first gets the best article that is chiefly for it or, for want of one, speaks of it. The rest
    follow by score. There are not too many for one chief need, and no two with nearly one title.
    """
    chosen: list[Ranked] = []
    needs = {match.need.names: match.need for each in ranked for match in each.matches}
    strong = (need for need in needs.values() if need.weight >= limits.strong)
    for need in sorted(strong, key=lambda need: (-need.weight, need.names)):
        its = [each for each in ranked if each.chief.names == need.names]
        if not its and not any(each.meets(need) for each in chosen):
            its = [each for each in ranked if each.meets(need)]
        chosen.extend(islice((each for each in its if _fits(each, chosen, limits=limits, limit=limit)), 1))
    for each in ranked:
        if _fits(each, chosen, limits=limits, limit=limit):
            chosen.append(each)
    return tuple(sorted(chosen, key=lambda each: (-each.score, each.article.id)))


def _fits(each: Ranked, chosen: Sequence[Ranked], *, limits: Limits, limit: int) -> bool:
    of_need = sum(other.chief.names == each.chief.names for other in chosen)
    return len(chosen) < limit and of_need < limits.per_need and not _alike(each, chosen, limits=limits)


def _score(article: Article, matches: tuple[Match, ...], *, stage: Stage, as_of: date, weights: Weights) -> Ranked:
    about = sorted((match.about for match in matches), reverse=True)
    values = {
        "about": about[0],
        "text": max(match.text for match in matches),
        "map": max(match.map for match in matches),
        "also": about[1] if len(about) > 1 else 0.0,
        "stage": _stage_value(article, stage=stage),
        "kind": weights.of_kind(article, stage=stage.name),
        "audience": _AUDIENCES.get(article.audience, 0.0),
        "reading": _reading_value(article, limits=weights.limits),
        "freshness": _freshness_value(article, as_of=as_of, limits=weights.limits),
    }
    parts = tuple(_part(feature, values, weights=weights.features) for feature in FEATURES)
    return Ranked(article=article, score=round(sum(part.score for part in parts), 6), parts=parts, matches=matches)


def _part(feature: str, values: Mapping[str, float], *, weights: Mapping[str, float]) -> Part:
    # Rounded before they are added up, so that what is printed adds up to what is printed.
    value, weight = round(values[feature], 6), weights[feature]
    return Part(feature=feature, value=value, weight=weight, score=round(value * weight, 6))


def _stage_value(article: Article, *, stage: Stage) -> float:
    if not article.stage:
        return 0.5
    possible = (stage.name,) if stage.name else tuple(name for name in STAGES if name != AT_RISK)
    return 1.0 if not set(possible).isdisjoint(article.stage) else 0.0


def _reading_value(article: Article, *, limits: Limits) -> float:
    if article.reading_grade is None:
        return 0.5
    return _falling(article.reading_grade, limits.easy_grade, limits.hard_grade)


def _freshness_value(article: Article, *, as_of: date, limits: Limits) -> float:
    try:
        # A month or a year alone is read as its first day.
        written = date.fromisoformat((article.date + "-01-01")[:10])
    except ValueError:
        return 0.5
    return _falling((as_of - written).days / _DAYS_A_YEAR, limits.fresh_years, limits.stale_years)


def _falling(value: float, full: float, none: float) -> float:
    return min(1.0, max(0.0, (none - value) / (none - full)))


def _alike(each: Ranked, chosen: Iterable[Ranked], *, limits: Limits) -> bool:
    title = _title_words(each)
    for other in chosen:
        others = _title_words(other)
        if each.article.id == other.article.id or len(title & others) >= limits.alike * len(title | others):
            return True
    return False


def _title_words(each: Ranked) -> frozenset[str]:
    title = frozenset(words(each.article.title))
    return title - SMALL_WORDS or title
