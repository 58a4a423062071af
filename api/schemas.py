"""The JSON of requests and answers: what the outside relies on, the same for command line and HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hive_queries.acquire import Acquired
from kg_builder.model import Decision, Evidence
from kg_builder.projection import Step
from kg_builder.stores.base import TermView
from kg_builder.stores.neo4j_rows import path_cypher
from recommend import Recommendation
from search import Answer, Article, Query
from search.query import Filters
from strokemap.errors import UsageError

ShortText = Annotated[str, StringConstraints(max_length=200)]


class Strict(BaseModel):
    """Refuses unknown fields and numbers written as text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FiltersIn(Strict):
    """Keep only articles of this source, kind or stage; empty means any."""

    source: ShortText = ""
    kind: ShortText = ""
    stage: ShortText = ""


class SearchIn(Strict):
    """A query."""

    query: Annotated[str, StringConstraints(max_length=10_000)]
    audience: Literal["clinician", "patient"] = "clinician"
    expand: bool = True
    with_terms: Annotated[list[ShortText], Field(alias="with", max_length=20)] = []
    without_terms: Annotated[list[ShortText], Field(alias="without", max_length=20)] = []
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    filters: FiltersIn = FiltersIn()

    def to_query(self) -> Query:
        """Give the room's own Query."""
        return Query(
            text=self.query,
            audience=self.audience,
            expand=self.expand,
            with_terms=tuple(self.with_terms),
            without_terms=tuple(self.without_terms),
            limit=self.limit,
            filters=Filters(source=self.filters.source, kind=self.filters.kind, stage=self.filters.stage),
        )


class RecommendIn(Strict):
    """Whom to recommend for, as ``<institution>-<own id>``, and as of which day (default: today)."""

    patient: ShortText
    as_of: Annotated[date | None, Field(strict=False)] = None  # JSON has no dates: a strict one would refuse them all
    limit: Annotated[int, Field(ge=1, le=100)] = 10


class DecisionIn(Strict):
    """A curator's decision about a term."""

    action: ShortText
    term: ShortText
    value: ShortText = ""
    why: Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class StepOut(BaseModel):
    """One followed link with the sentence that bears it out."""

    model_config = ConfigDict(populate_by_name=True)
    source: str = Field(alias="from")
    target: str = Field(alias="to")
    sentence: str
    section: str


class LinkedTermOut(BaseModel):
    """A term found in the query, with the characters it covers."""

    term: str
    surface: str
    start: int
    end: int


class ExpandedTermOut(BaseModel):
    """A term added to the query; ``cypher`` shows its path in Neo4j Browser, where it has one."""

    term: str
    weight: float
    reason: str
    path: list[StepOut]
    cypher: str


class PartOut(BaseModel):
    """What one word or term in one field added to the score."""

    word: str | None = None
    term: str | None = None
    field: str
    score: float


class HighlightOut(BaseModel):
    """A stretch of a snippet that matched, by a word of the query or by a term that was linked or added."""

    start: int
    end: int
    by: Literal["word", "term"]


class ResultOut(BaseModel):
    """An article found; ``parts`` add up to ``score``; ``highlights`` mark matches in ``snippet``."""

    id: str
    title: str
    url: str
    score: float
    parts: list[PartOut]
    snippet: str
    highlights: list[HighlightOut]
    source: str
    kind: str
    reading_grade: float | None


class EntryError(BaseModel):
    """Why an answer has no entry on the ledger."""

    code: str
    message: str


class SearchOut(BaseModel):
    """The answer to a query."""

    query: str
    audience: str
    build: str
    terms: list[LinkedTermOut]
    unlinked: list[str]
    expansion: list[ExpandedTermOut]
    why_no_expansion: str
    results: list[ResultOut]
    entry: int | None
    entry_error: EntryError | None
    took_ms: float


class FactOut(BaseModel):
    """A fact as the institution sent it; the date no more precise than known."""

    column: str
    value: str
    date: str
    institution: str


class ReasonOut(BaseModel):
    """Why an article fits."""

    text: str
    fact: FactOut | None
    path: list[StepOut]


class FeatureOut(BaseModel):
    """What one feature added to the score."""

    feature: str
    value: float
    weight: float
    score: float


class RecommendedOut(BaseModel):
    """An article recommended."""

    id: str
    title: str
    score: float
    parts: list[FeatureOut]
    reasons: list[ReasonOut]


class WithheldOut(BaseModel):
    """An article that a safety rule held back."""

    id: str
    rule: str


class RecommendOut(BaseModel):
    """The recommendation for one patient on one day."""

    patient: str
    as_of: str
    profile_version: str
    data_as_of: str | None
    results: list[RecommendedOut]
    withheld: list[WithheldOut]
    why: str
    entry: int | None
    entry_error: EntryError | None


class ArticleOut(BaseModel):
    """An article to read."""

    id: str
    title: str
    text: str
    url: str
    source: str
    kind: str
    audience: str
    stage: list[str]
    subjects: list[str]
    language: str
    date: str
    licence: str
    reading_grade: float | None


class TermOut(BaseModel):
    """A term of the published map with its links, as the map store has it now."""

    term: str
    other_names: list[str]
    path_length: int
    relevance: float
    reasons: list[str]
    codes: list[tuple[str, str]]
    summary: str
    links: list[StepOut]


class DecisionOut(BaseModel):
    """A decision as it was recorded."""

    number: int
    action: str
    term: str
    value: str
    who: str
    why: str
    at: str


class PublishedOut(BaseModel):
    """The build that is published now."""

    digest: str
    terms: int


class AcquiredOut(BaseModel):
    """What became of a batch."""

    institution: str
    batch: str
    rows: int
    patients: int
    quarantined: int
    already: bool


class ReadyOut(BaseModel):
    """What the read side stands on, and what is missing or out of reach."""

    ready: bool
    build: str | None
    profiles: str | None
    problems: list[EntryError]


def search_out(answer: Answer, *, entry: int | None, entry_error: EntryError | None, took_ms: float) -> SearchOut:
    """Join an answer with its entry."""
    return SearchOut(
        query=answer.query,
        audience=answer.audience,
        build=answer.build,
        terms=[LinkedTermOut(**_fields(term, LinkedTermOut)) for term in answer.terms],
        unlinked=list(answer.unlinked),
        expansion=[
            ExpandedTermOut(
                **_fields(term, ExpandedTermOut, without=("path", "cypher")),
                path=_steps(term.path),
                cypher=path_cypher(answer.build, [(step.source, step.target) for step in term.path]),
            )
            for term in answer.expansion
        ],
        why_no_expansion=answer.why_no_expansion,
        results=[
            ResultOut(
                **_fields(result, ResultOut, without=("parts", "highlights")),
                parts=[PartOut(**_fields(part, PartOut)) for part in result.parts],
                highlights=[HighlightOut(**_fields(match, HighlightOut)) for match in result.highlights],
            )
            for result in answer.results
        ],
        entry=entry,
        entry_error=entry_error,
        took_ms=round(took_ms, 1),
    )


def recommend_out(
    recommendation: Recommendation, *, entry: int | None, entry_error: EntryError | None, sees_withheld: bool
) -> RecommendOut:
    """Join a recommendation with its entry; what rules held back is for clinicians only."""
    return RecommendOut(
        patient=recommendation.patient,
        as_of=recommendation.as_of.isoformat(),
        profile_version=recommendation.profile_version,
        data_as_of=recommendation.data_as_of,
        results=[
            RecommendedOut(
                id=result.id,
                title=result.title,
                score=result.score,
                parts=[FeatureOut(**_fields(part, FeatureOut)) for part in result.parts],
                reasons=[
                    ReasonOut(
                        text=reason.text,
                        fact=FactOut(**_fields(reason.fact, FactOut)) if reason.fact else None,
                        path=_steps(reason.path),
                    )
                    for reason in result.reasons
                ],
            )
            for result in recommendation.results
        ],
        withheld=[WithheldOut(id=held.id, rule=held.rule) for held in recommendation.withheld] if sees_withheld else [],
        why=recommendation.why,
        entry=entry,
        entry_error=entry_error,
    )


def article_out(article: Article) -> ArticleOut:
    """Give an article."""
    return ArticleOut(
        **_fields(article, ArticleOut, without=("stage", "subjects")),
        stage=list(article.stage),
        subjects=list(article.subjects),
    )


def term_out(view: TermView) -> TermOut:
    """Give a term with each sentence that links it."""
    term = view.term
    return TermOut(
        term=term.title,
        other_names=list(term.other_names),
        path_length=term.path_length,
        relevance=term.relevance,
        reasons=list(term.reasons),
        codes=list(term.codes),
        summary=term.summary,
        links=_steps(evidence for link in view.links for evidence in link.evidence),
    )


def acquired_out(acquired: Acquired, *, institution: str) -> AcquiredOut:
    """Say what became of a batch."""
    return AcquiredOut(institution=institution, **_fields(acquired, AcquiredOut, without=("institution",)))


def parse_day(text: str, *, where: str) -> date:
    """Read a day written as 2026-11-23. Errors: UsageError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("There is no such day.", hint="Write it as 2026-11-23.", where=where) from None


def decision_out(decision: Decision) -> DecisionOut:
    """Give a decision."""
    return DecisionOut(**_fields(decision, DecisionOut, without=("at",)), at=decision.at.isoformat())


def _steps(steps: Iterable[Step | Evidence]) -> list[StepOut]:
    return [StepOut.model_validate(_fields(step, StepOut)) for step in steps]


def _fields(value: object, shape: type[BaseModel], *, without: tuple[str, ...] = ()) -> dict[str, Any]:
    return {name: getattr(value, name) for name in shape.model_fields if name not in without}
