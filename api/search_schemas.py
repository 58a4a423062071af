"""The JSON of searching and of articles, the same for command line and HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from api.schemas import EntryError, Out, ShortText, StepOut, Strict
from kg_builder.stores.neo4j_rows import path_cypher
from search import Answer, Query
from search.article import Kind, Stage
from search.explain import Result
from search.linker import LinkedTerm
from search.query import MOST_CHARACTERS, Filters, make_whole


class FiltersIn(Strict):
    """Keep only articles of this source, kind or stage; empty means any."""

    source: ShortText = ""
    kind: Kind | Literal[""] = ""
    stage: Stage | Literal[""] = ""


def _whole(value: object) -> object:
    # pydantic refuses half a character, and any string is a query.
    return make_whole(value) if isinstance(value, str) else value


class SearchIn(Strict):
    """A query; ``offset`` and the ``index`` of the first answer ask for a next page of it."""

    query: Annotated[str, BeforeValidator(_whole), StringConstraints(max_length=MOST_CHARACTERS)]
    audience: Literal["clinician", "patient"] = "clinician"
    expand: bool = True
    with_terms: list[ShortText] = Field(default_factory=list, alias="with", max_length=20)
    without_terms: list[ShortText] = Field(default_factory=list, alias="without", max_length=20)
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    offset: Annotated[int, Field(ge=0, le=900)] = 0
    index: ShortText = ""
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
            offset=self.offset,
            index=self.index,
            filters=Filters(source=self.filters.source, kind=self.filters.kind, stage=self.filters.stage),
        )


class CorrectionIn(Strict):
    """A curator's correction of one field of an article; several values are parted by “;”."""

    field: ShortText
    value: Annotated[str, StringConstraints(max_length=2000)]


class ExpandedTermOut(Out):
    """A term added to the query."""

    term: str
    weight: float
    reason: str
    path: list[StepOut]
    cypher: str = Field(default="", description="shows the path in Neo4j Browser; empty without a path")
    said: str = Field(default="", description="what to call it: for patients its plainest name, empty without one")


class SearchOut(Out):
    """The answer to a query."""

    query: str
    audience: str
    build: str
    terms: tuple[LinkedTerm, ...]
    unlinked: tuple[str, ...]
    expansion: list[ExpandedTermOut]
    why_no_expansion: str
    results: tuple[Result, ...]
    entry: int | None = None
    entry_error: EntryError | None = None
    took_ms: float = 0.0
    offset: int
    more: bool
    index: str
    related: tuple[str, ...]
    did_you_mean: str
    pubmed: str


class ArticleOut(Out):
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
    review_by: str
    licence: str
    reading_grade: float | None
    length: int
    terms: list[str]


def search_out(answer: Answer, *, entry: int | None, entry_error: EntryError | None, took_ms: float) -> SearchOut:
    """Join an answer with its entry."""
    shown = SearchOut.model_validate(answer)
    for term in shown.expansion:
        term.cypher = path_cypher(answer.build, [(step.source, step.target) for step in term.path])
        term.said = answer.said[term.term]
    return shown.model_copy(update={"entry": entry, "entry_error": entry_error, "took_ms": round(took_ms, 1)})
