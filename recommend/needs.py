"""From the facts known on a day to weighted needs, each tied to the facts that it comes from. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hive_queries import Fact, Profile
from kg_builder.projection import Projection, TermId
from recommend.codes import CodeRow, Codes, current, day_number
from recommend.stage import AT_RISK, Stage
from search.linker import find_term

_STROKE = "Stroke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One fact and the row of the table of codes that gives it a meaning."""

    row: CodeRow
    fact: Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Something that the patient may want to read about.

    ``term`` is the map's term for it, None where the map lacks it; the need is then searched by its names alone.
    ``weight`` is that of its heaviest note; the notes are sorted, heaviest and newest first.
    """

    names: tuple[str, ...]
    term: TermId | None
    weight: float
    notes: tuple[Note, ...]


def read_facts(facts: Iterable[Fact], *, codes: Codes) -> tuple[Note, ...]:
    """Give what the facts speak of, in the order of the facts and of the table. Facts without a row say nothing."""
    return tuple(Note(row=row, fact=fact) for fact in current(facts) for row in codes.of(fact))


def read_stage(stage: Stage, *, notes: tuple[Note, ...], profile: Profile, codes: Codes) -> tuple[Note, ...]:
    """Give the notes that the stage brings by itself, tied to the fact that dates the stroke.

    Before any stroke they are tied to the heaviest fact that speaks of a risk; without such a fact there are none.
    """
    if stage.name == AT_RISK:
        tied = sorted(notes, key=lambda note: -note.row.weight)
    else:
        strokes = [note for note in notes if _STROKE in note.row.names]
        tied = sorted(strokes, key=lambda note: (note.fact.on != profile.stroke_on, -note.row.weight))
    return tuple(Note(row=row, fact=tied[0].fact) for row in codes.of_stage(stage.name)) if tied else ()


def find_needs(notes: Iterable[Note], *, projection: Projection) -> tuple[Need, ...]:
    """Give the needs, heaviest first. Notes that lead to one term of the map, or have one name, share a need."""
    groups: dict[TermId | str, list[Note]] = {}
    for note in notes:
        term = _term(note, projection=projection)
        groups.setdefault(note.row.need if term is None else term, []).append(note)
    needs = (_make_need(group, projection=projection) for group in groups.values())
    return tuple(sorted(needs, key=lambda need: (-need.weight, need.names)))


def _make_need(group: list[Note], *, projection: Projection) -> Need:
    newest: dict[tuple[str, str, str], Note] = {}
    for note in group:
        # One prescription renewed twenty times is one thing to say.
        key = (note.row.plain, note.fact.column, note.fact.value)
        if key not in newest or day_number(note.fact) > day_number(newest[key].fact):
            newest[key] = note
    notes = sorted(
        newest.values(), key=lambda note: (-note.row.weight, -day_number(note.fact), note.fact.column, note.row.plain)
    )
    return Need(
        names=tuple(dict.fromkeys(name for note in notes for name in note.row.names)),
        term=_term(notes[0], projection=projection),
        weight=notes[0].row.weight,
        notes=tuple(notes),
    )


def _term(note: Note, *, projection: Projection) -> TermId | None:
    found = (find_term(name, projection=projection) for name in note.row.names)
    return next((term for term in found if term is not None), None)
