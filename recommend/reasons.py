"""Why an article is recommended: the fact in plain words, the fact as it was sent, and the path through the map."""

from __future__ import annotations

from dataclasses import dataclass

from hive_queries import Fact
from kg_builder.projection import Projection, Step
from recommend.needs import Note
from recommend.rank import Match, Ranked

# Not the locale's names: the text must be the same on every machine.
_MONTHS = str.split("January February March April May June July August September October November December")
_MOST_REASONS = 3
_MOST_OF_ONE_NEED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFact:
    """A fact as the institution sent it; ``date`` is ISO, no more precise than it is known, empty where it is not."""

    column: str
    value: str
    date: str
    institution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason. ``path`` leads from the need's term to the article's; empty where they are one, or there is none."""

    text: str
    fact: GivenFact | None
    path: tuple[Step, ...]


def give_reasons(ranked: Ranked, *, projection: Projection) -> tuple[Reason, ...]:
    """Give the reasons of one recommendation, weightiest need first: one to three, none said twice."""
    reasons: list[Reason] = []
    for match in ranked.matches:
        path = _path(match, projection=projection)
        for note in match.need.notes[:_MOST_OF_ONE_NEED]:
            reason = _reason(note, path=path)
            if all(reason.fact != other.fact and reason.text != other.text for other in reasons):
                reasons.append(reason)
    return tuple(reasons[:_MOST_REASONS])


def say_date(fact: Fact) -> str:
    """Write a fact's date for a reader, no more precisely than it is known; empty for an unknown one."""
    if fact.on is None or fact.precision == "unknown":
        return ""
    month = _MONTHS[fact.on.month - 1]
    return {"year": f"{fact.on.year}", "month": f"{month} {fact.on.year}"}.get(
        fact.precision, f"{fact.on.day} {month} {fact.on.year}"
    )


def _reason(note: Note, *, path: tuple[Step, ...]) -> Reason:
    fact, when = note.fact, say_date(note.fact)
    return Reason(
        text=f"The record of {when} notes {note.row.plain}." if when else f"The record notes {note.row.plain}.",
        fact=GivenFact(column=fact.column, value=fact.value, date=fact.printed_date, institution=fact.institution),
        path=path,
    )


def _path(match: Match, *, projection: Projection) -> tuple[Step, ...]:
    if match.need.term is None or match.term is None:
        return ()
    return projection.path(match.need.term, match.term)
