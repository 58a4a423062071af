"""A patient's profile: facts as the institution sent them, each with what its date can mean. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from hive_queries.rows import FACT_END, FIELD_END

_SAME_STROKE = timedelta(days=90)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing known of a patient. ``column`` and ``value`` are what stood in the extract (``RDEF4``, ``Y``)."""

    kind: str
    system: str
    code: str
    column: str
    value: str
    display: str
    on: date | None
    """The earliest day that the date can mean; of a date derived from a month, as derived from its first day."""
    precision: str
    institution: str
    """Who said it: the patient's own, or ``strokemap`` where the patient told us."""
    concept: str = ""
    """What the view ``latest_concepts`` makes of it; its first word is the family: deficit, risk, scale …"""
    answer: str = "yes"
    """Yes, no, not assessed, not known; of an observation or an article what was said."""

    @property
    def printed_date(self) -> str:
        """Give the date with no more than its precision: ``1991-02`` where the month is known."""
        return print_date(self.on, self.precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stroke:
    """A dated statement on a stroke. ``type`` is ischaemic, haemorrhagic, unknown, or none: it was no stroke."""

    on: date | None
    precision: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One patient, by pseudonym. ``stroke_*`` speak of the first stroke; without one they are None and empty."""

    patient: str
    institution: str
    version: str
    sex: str
    birth_year: int | None
    died_on: date | None
    died_precision: str
    stroke_on: date | None = None
    stroke_precision: str = ""
    stroke_type: str = ""
    facts: tuple[Fact, ...]
    """Oldest first, those without a date before all."""
    strokes: tuple[Stroke, ...] = ()
    """The statements behind ``stroke_*``, oldest first: the type may have become known after the stroke."""
    articles: tuple[Fact, ...] = ()
    """Articles sent, read and rated: code and answer."""
    data_as_of: str | None = None
    """When the institution's newest batch in these profiles was acquired: ISO, UTC, to the second."""

    def stated(self, family: str) -> tuple[Fact, ...]:
        """Give the facts of a family of concepts, such as ``rehabilitation``, or of one, such as ``scale nihss``."""
        return tuple(fact for fact in self.facts if f"{fact.concept} ".startswith(f"{family} "))

    def newest(self, family: str) -> tuple[Fact, ...]:
        """Give the last statement on each concept of a family, by concept."""
        last = {fact.concept: fact for fact in self.stated(family)}
        return tuple(last[concept] for concept in sorted(last))

    def known_at(self, as_of: date) -> Profile:
        """Give the profile without anything dated after ``as_of``: outcomes, later diagnoses and death go, too.

        Facts without a date stay.
        """
        died = self.died_on is not None and self.died_on > as_of
        known = replace(
            self,
            facts=tuple(fact for fact in self.facts if fact.on is None or fact.on <= as_of),
            articles=tuple(fact for fact in self.articles if fact.on is None or fact.on <= as_of),
            died_on=None if died else self.died_on,
            died_precision="" if died else self.died_precision,
        )
        return with_strokes(known, (stroke for stroke in self.strokes if stroke.on is None or stroke.on <= as_of))


def with_strokes(profile: Profile, strokes: Iterable[Stroke]) -> Profile:
    """Give the profile with these statements on strokes, and with what follows from them.

    The type is the first one stated within 90 days of the first stroke; a statement that it was none undoes the stroke.
    """
    stated = tuple(sorted(strokes, key=lambda stroke: (stroke.on or date.max, stroke.type)))
    undone = max((index for index, stroke in enumerate(stated) if stroke.type == "none"), default=-1)
    standing = stated[undone + 1 :]
    if not standing:
        return replace(profile, strokes=stated, stroke_on=None, stroke_precision="", stroke_type="")
    first = standing[0]
    types = (
        stroke.type
        for stroke in standing
        if stroke.type != "unknown" and (first.on is None or stroke.on is None or stroke.on - first.on <= _SAME_STROKE)
    )
    return replace(
        profile,
        strokes=stated,
        stroke_on=first.on,
        stroke_precision=first.precision,
        stroke_type=next(types, "unknown"),
    )


def print_date(on: date | None, precision: str) -> str:
    """Print a date with no more than its precision; the empty string without a date."""
    return on.isoformat()[: {"day": 10, "month": 7, "year": 4}.get(precision, 0)] if on else ""


def parse_facts(text: str) -> tuple[Fact, ...]:
    """Read the facts of a row of ``profile.hql``. Raises ValueError where the text is not one."""
    return tuple(_parse_fact(fact) for fact in text.split(FACT_END)) if text else ()


def _parse_fact(text: str) -> Fact:
    on, precision, kind, system, code, column, value, display, institution, concept, answer = text.split(FIELD_END)
    return Fact(
        kind=kind,
        system=system,
        code=code,
        column=column,
        value=value,
        display=display,
        on=parse_date(on),
        precision=precision,
        institution=institution,
        concept=concept,
        answer=answer,
    )


def strokes_of(facts: Iterable[Fact]) -> tuple[Stroke, ...]:
    """Give what facts state on strokes."""
    return tuple(
        Stroke(on=fact.on, precision=fact.precision, type=fact.concept.removeprefix("stroke "))
        for fact in facts
        if fact.concept.startswith("stroke ")
    )


def parse_date(text: str) -> date | None:
    """Read an ISO date; None for the empty string."""
    return date.fromisoformat(text) if text else None
