"""Linked terms → the expansion: few more terms at low weights, each with the reason it is there.

Other names   the linked terms themselves, to be found under their titles and other names: OWN_NAMES each
Neighbours    what lies nearest to all of them together: the sum of their stored PageRank vectors, each weighted by its
              term's specificity, times the root of their own (what is linked with all is near all); at most
              MOST_NEIGHBOURS, from NEIGHBOUR down in proportion to nearness
By hand       what the reader added: OWN_NAMES each

Own words weigh 1 each, and all neighbours together at most NEIGHBOURS_SHARE of that, so that the own words dominate.
Clinicians get the technical names first, patients the everyday ones, and no abbreviations.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from kg_builder.projection import Projection, Step, TermId
from search.linker import Linked
from search.query import Audience, as_meant
from search.reading import syllables
from strokemap.text import fold, is_abbreviation, name_key, words

OWN_NAMES = 0.5
SPELLING = 1.0
"""A word that was meant counts as the own word that no text has."""
NEIGHBOUR = 0.25
MOST_NEIGHBOURS = 5
LEAST_NEARNESS = 0.2
"""A neighbour less near than this share of the nearest one is left out."""
NEIGHBOURS_SHARE = 0.15
MOST_NAMES = 3
LONGEST_PATH = 3
HARD_SYLLABLES = 3
_SHORTEST_ABBREVIATION = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What the reader decided by hand: terms to add and terms to leave out."""

    added: tuple[TermId, ...] = ()
    left_out: tuple[TermId, ...] = ()
    names_left_out: frozenset[str] = frozenset()
    """Folded: also what is no term of the map, but a subject of the library or a word that was meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpandedTerm:
    """A term added to a query. ``names`` are the phrases to look for, the title first."""

    term: str
    weight: float
    reason: str = ""
    path: tuple[Step, ...] = ()
    """From a linked term to this one; empty for other names, and where the map has no short path."""
    names: tuple[str, ...]
    by_hand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """The weighted terms added to a query, heaviest first, or none and why."""

    terms: tuple[ExpandedTerm, ...] = ()
    why_none: str = ""
    specificity: float = 0.0
    """The mean over the linked terms; the gate's business."""
    kept_out: tuple[str, ...] = ()
    """Titles of terms that the gate did not let pass."""
    corrected: Mapping[str, str] = field(default_factory=dict)
    """The folded word that was meant, for each folded word that is misspelt."""


def expand(
    linked: Linked,
    *,
    chosen: Chosen,
    audience: Audience,
    projection: Projection,
    corrected: Mapping[str, str] = MappingProxyType({}),
) -> Expansion:
    """Give the expansion of the linked terms and of those added by hand; without any of them it is empty."""
    by_hand = expand_by_hand(chosen, audience=audience, projection=projection).terms
    banned = {*chosen.left_out, *chosen.added, *_ids(linked.excluded_terms, projection=projection)}
    surfaces = {item.term: item.surface for item in reversed(linked.terms)}
    starts = [term for term in _ids([item.term for item in linked.terms], projection=projection) if term not in banned]
    if not starts:
        return Expansion(terms=by_hand, why_none="The query names no term of the map.")
    own = []
    for start in starts:
        title = projection.titles[start]
        if names := names_of(start, audience=audience, projection=projection, said=surfaces[title]):
            own.append(ExpandedTerm(term=title, weight=OWN_NAMES, reason=f"other names of {title}", names=names))
    found = list(_neighbours(starts, banned=banned, projection=projection))
    own_words = sum(len(words(term.surface)) for term in linked.terms) + len(linked.unlinked)
    scale = min(1.0, NEIGHBOURS_SHARE * own_words / (sum(weight for _, weight, _ in found) or 1.0))
    near = [
        ExpandedTerm(
            term=projection.titles[term],
            weight=round(weight * scale, 6),
            reason=_near(
                projection.titles[start], as_meant(surfaces[projection.titles[start]], corrected), audience=audience
            ),
            path=projection.path(start, term, longest=LONGEST_PATH),
            names=names_of(term, audience=audience, projection=projection),
        )
        for term, weight, start in found
    ]
    mean = sum(projection.specificity(start) for start in starts) / len(starts)
    together = sorted((*by_hand, *own, *near), key=lambda term: (-term.weight, term.term))
    return Expansion(terms=tuple(together), specificity=mean)


def add_spellings(expansion: Expansion, corrected: Mapping[str, str]) -> Expansion:
    """Give the expansion with the words that were meant, by the misspelt ones."""
    meant = [
        ExpandedTerm(term=word, weight=SPELLING, reason=f"no text has “{asked}”", names=(word,))
        for asked, word in corrected.items()
    ]
    return replace(put_together([*expansion.terms, *meant], expansion), corrected=corrected)


def leave_out(expansion: Expansion, chosen: Chosen) -> Expansion:
    """Give the expansion without what was left out by its name."""
    kept = [term for term in expansion.terms if fold(term.term) not in chosen.names_left_out]
    if expansion.terms and not kept:
        return Expansion(why_none="All that could be added was left out by hand.")
    return put_together(kept, expansion)


def put_together(terms: Iterable[ExpandedTerm], expansion: Expansion) -> Expansion:
    """Give an expansion with just these terms, heaviest first."""
    ordered = tuple(sorted(terms, key=lambda term: (-term.weight, term.term)))
    kept = "" if any(not term.by_hand for term in ordered) else expansion.why_none
    return replace(expansion, terms=ordered, why_none=kept)


def expand_by_hand(chosen: Chosen, *, audience: Audience, projection: Projection) -> Expansion:
    """Give just the terms that the reader added."""
    terms = tuple(
        ExpandedTerm(
            term=projection.titles[term],
            weight=OWN_NAMES,
            reason="added by hand",
            names=names_of(term, audience=audience, projection=projection),
            by_hand=True,
        )
        for term in chosen.added
        if term not in chosen.left_out
    )
    return Expansion(terms=terms, why_none="" if terms else "Expansion is switched off.")


def _ids(titles: Sequence[str], *, projection: Projection) -> list[TermId]:
    found = (projection.term(title) for title in dict.fromkeys(titles))
    return [term for term in found if term is not None]


def nearest(
    starts: Sequence[TermId], *, banned: Collection[TermId] = (), projection: Projection, most: int = MOST_NEIGHBOURS
) -> list[tuple[TermId, float, TermId]]:
    """Give the terms nearest to all of ``starts`` together and how near, each with the start that it owes most to."""
    total: dict[int, float] = {}
    strongest: dict[int, tuple[float, TermId]] = {}
    for start in starts:
        near, weights = projection.vector(start)
        specificity = projection.specificity(start)
        for term, weight in zip(near.tolist(), weights.tolist(), strict=True):
            part = weight * specificity
            total[term] = total.get(term, 0.0) + part
            if term not in strongest or part > strongest[term][0]:
                strongest[term] = part, start
    others = (TermId(term) for term in total.keys() - {*banned, *starts})
    ranked = sorted((-total[term] * math.sqrt(projection.specificity(term)), term) for term in others)
    return [(term, -negative, strongest[term][1]) for negative, term in ranked[:most]]


def _neighbours(
    starts: Sequence[TermId], *, banned: set[TermId], projection: Projection
) -> Iterator[tuple[TermId, float, TermId]]:
    """Give the nearest terms with their weights, as far as they are near enough, each with its start."""
    found = nearest(starts, banned=banned, projection=projection)
    for term, nearness, start in found:
        if nearness <= 0 or nearness < LEAST_NEARNESS * found[0][1]:
            break
        yield term, NEIGHBOUR * nearness / found[0][1], start


def _near(title: str, surface: str, *, audience: Audience) -> str:
    # A patient's own word for the term is the one that they know.
    return f"often goes with {surface}" if audience == "patient" else f"near {title} in the map"


def names_of(term: TermId, *, audience: Audience, projection: Projection, said: str = "") -> tuple[str, ...]:
    """Give the title and the fittest other names, without what the query says already."""
    title = projection.titles[term]
    # Spellings that fold to one key would look for the same words twice.
    others = {key: name for name in reversed(projection.other_names(term)) if (key := name_key(name))}
    for known in (title, said):
        others.pop(name_key(known), None)
    usable = [name for name in others.values() if _usable(name, audience=audience)]
    plain_first = sorted(usable, key=difficulty)
    first = (title,) if name_key(title) != name_key(said) else ()
    return (*first, *(plain_first if audience == "patient" else plain_first[::-1]))[:MOST_NAMES]


def _usable(name: str, *, audience: Audience) -> bool:
    if is_abbreviation(name):
        # Two letters mean too many things ("PT"), and the index knows no case.
        return audience == "clinician" and len(name) >= _SHORTEST_ABBREVIATION
    return True


def is_hard(name: str) -> bool:
    """Tell whether a name is jargon: an abbreviation, or with a word of as many syllables as SMOG counts as hard."""
    return is_abbreviation(name) or any(syllables(part) >= HARD_SYLLABLES for part in words(name))


def difficulty(name: str) -> tuple[bool, float, str]:
    """Give how technical a name is, to sort by: the mean syllables of its words; abbreviations come last."""
    if is_abbreviation(name):
        return True, 0.0, name
    parts = words(name)
    return False, sum(syllables(part) for part in parts) / max(1, len(parts)), name
