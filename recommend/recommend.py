"""The one function: a profile, a day, the map and the articles → a recommendation that explains itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from hive_queries import Profile
from kg_builder.projection import Projection
from recommend.candidates import find_candidates
from recommend.codes import Codes
from recommend.needs import Note, find_needs, read_facts, read_stage
from recommend.rank import Part, Ranked, choose, rank
from recommend.reasons import Reason, give_reasons
from recommend.rules import Rule, Rulebook, Situation, first_against
from recommend.stage import stage_at
from recommend.weights import Weights
from search.index import TextIndex

_NOTHING_KNOWN = "Nothing is recorded for this person up to that day."
_NOTHING_NEEDED = "Nothing recorded up to that day points to something to read."
_NOTHING_FITS = "No article fits what is recorded up to that day."


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended:
    """One article, with the parts that add up to its score and the reasons why it is here."""

    id: str
    title: str
    score: float
    parts: tuple[Part, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """An article that would have been ranked, and the rule that withholds it. For clinicians only."""

    id: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What to read, for whom and as of which day. ``why`` says in one sentence why ``results`` is empty.

    ``data_as_of`` is when the newest data of the patient's institution came that the profile was made from.
    """

    patient: str
    as_of: date
    profile_version: str
    data_as_of: str | None
    results: tuple[Recommended, ...]
    withheld: tuple[Withheld, ...]
    why: str


def recommend(
    profile: Profile, *, patient: str, as_of: date, projection: Projection, index: TextIndex, rulebook: Rulebook,
    weights: Weights, limit: int = 10,
) -> Recommendation:  # fmt: skip
    """Recommend at most ``limit`` articles from what was known on ``as_of``. Pure: equal arguments, equal answer.

    Nothing dated later counts, outcomes and death included. Safety rules come last and no score overrides them.
    """
    known = profile.known_at(as_of)
    situation, notes = read_situation(known, as_of=as_of, codes=rulebook.codes)
    holding = rulebook.holding(situation)
    needs = find_needs(notes, projection=projection)
    ranked = rank(
        find_candidates(needs, projection=projection, index=index, limits=weights.limits),
        needs=needs, stage=situation.stage, as_of=as_of, projection=projection, weights=weights,
    )  # fmt: skip
    against = {each.article.id: rule for each in ranked if (rule := first_against(each.article, rules=holding))}
    allowed = [each for each in ranked if each.article.id not in against]
    chosen = choose(allowed, limits=weights.limits, limit=limit)
    return Recommendation(
        patient=patient,
        as_of=as_of,
        profile_version=known.version,
        data_as_of=known.data_as_of,
        results=tuple(_recommended(each, projection=projection) for each in chosen),
        withheld=_withheld(ranked, against=against, chosen=chosen),
        why="" if chosen else _why(known, notes=notes, holding=holding),
    )


def read_situation(known: Profile, *, as_of: date, codes: Codes) -> tuple[Situation, tuple[Note, ...]]:
    """Give what rules look at, and the notes that needs are made of. ``known`` holds what was known on ``as_of``."""
    notes = read_facts(known.facts, codes=codes)
    stage = stage_at(known, as_of=as_of)
    situation = Situation(
        facts=known.facts,
        needs=frozenset(note.row.need for note in notes),
        stage=stage,
        stroke_type=known.stroke_type,
        died=known.died_on is not None,
        sex=known.sex,
        age=None if known.birth_year is None else as_of.year - known.birth_year,
    )
    return situation, notes + read_stage(stage, notes=notes, profile=known, codes=codes)


def _recommended(each: Ranked, *, projection: Projection) -> Recommended:
    article = each.article
    return Recommended(
        id=article.id,
        title=f"{article.title}: {article.section}" if article.section else article.title,
        score=each.score,
        parts=each.parts,
        reasons=give_reasons(each, projection=projection),
    )


def _withheld(
    ranked: Sequence[Ranked], *, against: Mapping[str, Rule], chosen: Sequence[Ranked]
) -> tuple[Withheld, ...]:
    # Only what ranked at least as high as the last result: the rest would not have been shown anyway.
    lowest = chosen[-1].score if chosen else 0.0
    return tuple(
        Withheld(id=each.article.id, rule=against[each.article.id].name)
        for each in ranked
        if each.score >= lowest and each.article.id in against
    )


def _why(known: Profile, *, notes: Sequence[Note], holding: Sequence[Rule]) -> str:
    for rule in holding:
        if rule.withholds_everything:
            return rule.why
    if not known.facts:
        return _NOTHING_KNOWN
    return _NOTHING_FITS if notes else _NOTHING_NEEDED
