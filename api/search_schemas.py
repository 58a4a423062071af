"""The JSON of searching and of articles, the same for command line and HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from api.schemas import EntryError, ShortText, StepOut, Strict, fields_of, steps_out
from kg_builder.stores.neo4j_rows import path_cypher
from search import Answer, Article, Query
from search.explain import Result
from search.linker import LinkedTerm
from search.query import Filters


class FiltersIn(Strict):
    """Keep only articles of this source, kind or stage; empty means any."""

    source: ShortText = ""
    kind: ShortText = ""
    stage: ShortText = ""


class SearchIn(Strict):
    """A query; ``offset`` and the ``index`` of the first answer ask for a next page of it."""

    query: Annotated[str, StringConstraints(max_length=10_000)]
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


class ExpandedTermOut(BaseModel):
    """A term added to the query."""

    term: str
    weight: float
    reason: str
    path: list[StepOut]
    cypher: str = Field(description="shows the path in Neo4j Browser; empty without a path")
    said: str = Field(description="what to call it: for patients its plainest name")


class SearchOut(BaseModel):
    """The answer to a query."""

    query: str
    audience: str
    build: str
    terms: tuple[LinkedTerm, ...]
    unlinked: tuple[str, ...]
    expansion: list[ExpandedTermOut]
    why_no_expansion: str
    results: tuple[Result, ...]
    entry: int | None
    entry_error: EntryError | None
    took_ms: float
    offset: int
    more: bool
    index: str
    related: tuple[str, ...]
    did_you_mean: str
    pubmed: str


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
    review_by: str
    licence: str
    reading_grade: float | None
    length: int
    terms: list[str]


def search_out(answer: Answer, *, entry: int | None, entry_error: EntryError | None, took_ms: float) -> SearchOut:
    """Join an answer with its entry."""
    expansion = [
        ExpandedTermOut(
            term=term.term,
            weight=term.weight,
            reason=term.reason,
            path=steps_out(term.path),
            cypher=path_cypher(answer.build, [(step.source, step.target) for step in term.path]),
            said=answer.said[term.term],
        )
        for term in answer.expansion
    ]
    added: dict[str, Any] = {
        "expansion": expansion,
        "entry": entry,
        "entry_error": entry_error,
        "took_ms": round(took_ms, 1),
    }
    return SearchOut(**fields_of(answer, SearchOut, without=tuple(added)), **added)


def article_out(article: Article) -> ArticleOut:
    """Give an article."""
    return ArticleOut.model_validate(article, from_attributes=True)
