"""The JSON of requests and answers: what the outside relies on, the same for command line and HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from hive_queries.acquire import Acquired
from hive_queries.questions import FEWEST
from kg_builder.model import Decision
from kg_builder.stores.base import TermView
from recommend import Recommendation
from strokemap.errors import UsageError

Iso = Annotated[str, BeforeValidator(lambda moment: moment.isoformat())]
"""A date or time as ISO 8601 text."""
ShortText = Annotated[str, StringConstraints(max_length=200)]


class Strict(BaseModel):
    """Refuses unknown fields and numbers written as text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RecommendIn(Strict):
    """Whom to recommend for, as ``<institution>-<own id>``, and as of which day (default: today)."""

    patient: ShortText
    as_of: Annotated[date | None, Field(strict=False)] = None  # JSON has no dates: a strict one would refuse them all
    limit: Annotated[int, Field(ge=1, le=100)] = 10


class DecisionIn(Strict):
    """A curator's decision about a term."""

    action: str
    term: str
    value: str = ""
    why: str


class Out(BaseModel):
    """Is read from the rooms' own dataclasses, attribute by attribute."""

    model_config = ConfigDict(from_attributes=True, populate_by_name=True)


class StepOut(Out):
    """One followed link with the sentence that bears it out."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    sentence: str
    section: str


class EntryError(Out):
    """Why an answer has no entry on the ledger."""

    code: str
    message: str


class FactOut(Out):
    """A fact as the institution sent it; the date no more precise than known."""

    column: str
    value: str
    date: str
    institution: str


class ReasonOut(Out):
    """Why an article fits."""

    text: str
    fact: FactOut | None
    path: list[StepOut]


class FeatureOut(Out):
    """What one feature added to the score."""

    feature: str
    value: float
    weight: float
    score: float


class RecommendedOut(Out):
    """An article recommended."""

    id: str
    title: str
    score: float
    parts: list[FeatureOut]
    reasons: list[ReasonOut]


class WithheldOut(Out):
    """An article that a safety rule held back."""

    id: str
    rule: str


class RecommendOut(Out):
    """The recommendation for one patient on one day."""

    patient: str
    as_of: Iso
    profile_version: str
    data_as_of: str | None
    results: list[RecommendedOut]
    withheld: list[WithheldOut]
    why: str
    entry: int | None = None
    entry_error: EntryError | None = None


class QuestionOut(Out):
    """An answer: rows of the caller's patients, or numbers of patients, null where they are fewer than is counted."""

    question: str
    columns: list[str]
    rows: list[list[str | int | float | None]]
    data_as_of: str | None
    fewest_counted: int = FEWEST
    entry: int | None = None
    entry_error: EntryError | None = None


class TermOut(Out):
    """A term of the published map with its links, as the map store has it now."""

    term: str = Field(validation_alias=AliasChoices("term", "title"))
    other_names: list[str]
    path_length: int
    relevance: float
    reasons: list[str]
    codes: list[tuple[str, str]]
    summary: str
    links: list[StepOut] = Field(default_factory=list)


class DecisionOut(Out):
    """A decision as it was recorded."""

    number: int
    action: str
    term: str
    value: str
    who: str
    why: str
    at: Iso


class PublishedOut(Out):
    """The build that is published now."""

    digest: str
    terms: int


class AcquiredOut(Out):
    """What became of a batch."""

    institution: str = ""
    batch: str
    rows: int
    patients: int
    quarantined: int
    already: bool


class ReadyOut(Out):
    """What the read side stands on, and what is missing or out of reach."""

    ready: bool
    build: str | None
    profiles: str | None
    problems: list[EntryError]


def recommend_out(
    recommendation: Recommendation, *, entry: int | None, entry_error: EntryError | None, sees_withheld: bool
) -> RecommendOut:
    """Join a recommendation with its entry; what rules held back is for clinicians only."""
    answer = RecommendOut.model_validate(recommendation)
    withheld = answer.withheld if sees_withheld else []
    return answer.model_copy(update={"entry": entry, "entry_error": entry_error, "withheld": withheld})


def term_out(view: TermView) -> TermOut:
    """Give a term with each sentence that links it."""
    links = [StepOut.model_validate(evidence) for link in view.links for evidence in link.evidence]
    return TermOut.model_validate(view.term).model_copy(update={"links": links})


def acquired_out(acquired: Acquired, *, institution: str) -> AcquiredOut:
    """Say what became of a batch."""
    return AcquiredOut.model_validate(acquired).model_copy(update={"institution": institution})


def parse_day(text: str, *, where: str) -> date:
    """Read a day written as 2026-11-23. Errors: UsageError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("There is no such day.", hint="Write it as 2026-11-23.", where=where) from None


def decision_out(decision: Decision) -> DecisionOut:
    """Give a decision."""
    return DecisionOut.model_validate(decision)
