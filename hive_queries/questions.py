"""Named questions in ``questions/*.hql``, each with typed parameters, and what is held of each institution."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path

from hive_queries.engines.base import Cell, HistoryStore, Parameter, newest_batches
from hive_queries.pseudonyms import OPT_OUT, OURS, Pseudonyms
from hive_queries.quarantine import count_bad_rows
from hive_queries.statement import Statement, read_shipped
from hive_queries.work import Note, notes
from strokemap.errors import QuestionInvalid

FEWEST = 5
"""Fewer patients are not counted for roles without a care relationship."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FOLDER = "questions"
_PARAMETER = re.compile(r"(?P<name>[a-z_]+) (?P<type>[a-z]+)(?: = ?(?P<default>[^|]*?))? \| (?P<about>.+)")
_INTEGER = re.compile(r"-?[0-9]{1,9}")
_LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionParameter:
    """A parameter of a question. ``type`` is string, integer, number or date; without a default it must be given."""

    name: str
    type: str
    default: str | None
    about: str

    @property
    def described(self) -> str:
        """Say what it is for, its type, and what it is when not given."""
        return f"{self.about} ({self.type}, {'needed' if self.default is None else f'else “{self.default}”'})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question that can be asked by name."""

    name: str
    asks: str
    parameters: tuple[QuestionParameter, ...]
    columns: tuple[str, ...]
    """As its text promises them, which a test holds against the statement."""
    statement: Statement

    @property
    def params(self) -> tuple[tuple[str, str], ...]:
        """Give name and description of each parameter, for listing."""
        return tuple((item.name, item.described) for item in self.parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came out: the columns that the question promised, and the rows in its order."""

    question: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    newest: tuple[tuple[str, str], ...]
    """Each institution that was asked, and when its newest batch was acquired: ISO, UTC, to the second."""

    @property
    def data_as_of(self) -> str | None:
        """Give the age of the data: of each institution asked they are at least as new as this."""
        return min((at for _, at in self.newest), default=None)

    def of(self, institution: str) -> Answer:
        """Give what concerns the patients of one institution."""
        place = self.columns.index("institution")
        newest = tuple(pair for pair in self.newest if pair[0] == institution)
        return replace(self, rows=tuple(row for row in self.rows if row[place] == institution), newest=newest)

    def named(self, *, key: bytes) -> Answer:
        """Give the patients as ``<institution>-<own id>``, to who cares for them, by the home's pseudonym key."""
        place, at = self.columns.index("institution"), self.columns.index("patient")
        known = {name: Pseudonyms(name, key=key) for name in {str(row[place]) for row in self.rows}}

        def patient(row: tuple[Cell, ...]) -> Cell:
            own_id = known[str(row[place])].own_id(str(row[at]))
            return row[at] if own_id is None else f"{row[place]}-{own_id}"

        return replace(self, rows=tuple((*row[:at], patient(row), *row[at + 1 :]) for row in self.rows))

    def counted(self) -> Answer:
        """Give the number of patients of each institution, None where it is from 1 to 4: so few could be recognised."""
        places = [self.columns.index(name) for name in ("institution", "patient")]
        patients = Counter(
            str(institution) for institution, _ in {tuple(row[at] for at in places) for row in self.rows}
        )
        rows = tuple((name, count if count >= FEWEST else None) for name, count in sorted(patients.items()))
        return replace(self, columns=("institution", "patients"), rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstitutionStatus:
    """What is held of one institution. ``rows`` are rows of its extracts; ``last`` is None before the first batch."""

    institution: str
    patients: int
    batches: int
    rows: int
    quarantined: int
    last: datetime | None
    checked: datetime | None
    """When an extract was last taken, or found to be known already."""
    problem: str | None
    """The code of the error by which the last one failed."""

    def due(self, *, hours: float | None, now: datetime) -> bool:
        """Tell whether the institution should have been heard of since; never without ``hours``."""
        return hours is not None and (self.checked is None or now - self.checked > timedelta(hours=hours))


def questions() -> tuple[Question, ...]:
    """Give all questions by name."""
    names = sorted(item.name for item in (files("hive_queries") / _FOLDER).iterdir() if item.name.endswith(".hql"))
    return tuple(_question(name) for name in names)


def ask(question: str, *, params: Mapping[str, str], store: HistoryStore) -> Answer:
    """Ask a question by name, with parameters as text. Errors: QuestionInvalid, HistoryStoreUnreachable."""
    known = {item.name: item for item in questions()}
    if question not in known:
        raise QuestionInvalid(
            "There is no question of that name.", hint=f"Ask one of: {', '.join(known)}.", where="question"
        )
    asked = known[question]
    unknown = sorted(set(params) - {parameter.name for parameter in asked.parameters})
    if unknown:
        names = ", ".join(parameter.name for parameter in asked.parameters)
        raise QuestionInvalid(
            "The question has no parameter of that name.", hint=f"It takes: {names}.", where=f"param.{unknown[0]}"
        )
    values = {parameter.name: _typed(parameter, params.get(parameter.name)) for parameter in asked.parameters}
    # Looked up first: what comes while the engine computes may not be in the answer. Opt-outs and our own events tell
    # nothing of the institutions' data.
    batches = [batch for batch in store.batches() if batch.institution not in (OPT_OUT, OURS)]
    newest = newest_batches((batch.institution, batch.acquired_us) for batch in batches)
    rows = tuple(store.run(asked.statement, parameters=values))
    answer = Answer(question=question, columns=asked.columns, rows=rows, newest=tuple(newest.items()))
    return answer.of(str(values["institution"])) if values.get("institution") else answer


def status(store: HistoryStore, *, work: Path, expected: Iterable[str] = ()) -> tuple[InstitutionStatus, ...]:
    """Tell what is held of each institution, those included that only failed or are only expected."""
    bad: Counter[str] = Counter()
    for (institution, _), count in count_bad_rows(work).items():
        bad[institution] += count
    (statement,) = read_shipped("status.hql")
    held = {str(institution): rest for institution, *rest in store.run(statement, parameters={})}
    noted = notes(work)
    found = []
    for institution in sorted({*held, *bad, *noted, *expected} - {OPT_OUT}):
        patients, batches, rows, last_us = (int(cell or 0) for cell in held.get(institution, (0, 0, 0, 0)))
        last = _EPOCH + timedelta(microseconds=last_us) if batches else None
        note = noted.get(institution, Note(checked=None, problem=""))
        found.append(
            InstitutionStatus(
                institution=institution, patients=patients, batches=batches, rows=rows, quarantined=bad[institution],
                last=last, checked=note.checked, problem=note.problem or None,
            )
        )  # fmt: skip
    return tuple(found)


def _question(name: str) -> Question:
    text = (files("hive_queries") / _FOLDER / name).read_text(encoding="utf-8")
    said = [line.removeprefix("-- ").split(": ", 1) for line in text.splitlines() if line.startswith("-- ")]
    (statement,) = read_shipped(f"{_FOLDER}/{name}")
    return Question(
        name=name.removesuffix(".hql"),
        asks="".join(value for key, value in said if key == "asks"),
        parameters=tuple(_parameter(value) for key, value in said if key == "param"),
        columns=tuple(name for key, value in said if key == "columns" for name in value.split(", ")),
        statement=statement,
    )


def _parameter(text: str) -> QuestionParameter:
    match = _PARAMETER.fullmatch(text)
    if not match:
        raise ValueError(text)
    return QuestionParameter(**match.groupdict())


def _typed(parameter: QuestionParameter, given: str | None) -> Parameter:
    text = parameter.default if given is None else given.strip()
    if text is None:
        problem = "is missing"
    else:
        try:
            return _READ[parameter.type](text)
        except ValueError:
            problem = f"is not of the type {parameter.type}"
    raise QuestionInvalid(
        f"The parameter “{parameter.name}” {problem}.",
        hint=f"{parameter.described}.",
        where=f"param.{parameter.name}",
    )


def _string(text: str) -> str:
    if len(text) > _LONGEST:
        raise ValueError
    return text


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


_READ: dict[str, Callable[[str], Parameter]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "date": date.fromisoformat,
}
