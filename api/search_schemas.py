"""The JSON of searching and of articles, the same for command line and HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from api.schemas import EntryError, ShortText, StepOut, Strict, fields_of, steps_out
from kg_builder.stores.neo4j_rows import path_cypher
from search import Answer, Article, Query
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


class LinkedTermOut(BaseModel):
    """A term found in the query, with the characters it covers."""

    term: str
    surface: str
    start: int
    end: int


class ExpandedTermOut(BaseModel):
    """A term added to the query."""

    term: str
    weight: float
    reason: str
    path: list[StepOut]
    cypher: str = Field(description="shows the path in Neo4j Browser; empty without a path")
    said: str = Field(description="what to call it: for patients its plainest name")


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
    """An article found; ``parts`` add up to ``score``; ``highlights`` mark matches in ``snippet``.

    ``also`` has the ids of near-duplicates found, ``length`` the words of the text, ``why`` the parts in a sentence.
    """

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
    length: int
    why: str
    also: list[str]


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
    offset: int
    more: bool
    index: str
    related: list[str]
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
    return SearchOut(
        query=answer.query,
        audience=answer.audience,
        build=answer.build,
        terms=[LinkedTermOut(**fields_of(term, LinkedTermOut)) for term in answer.terms],
        unlinked=list(answer.unlinked),
        expansion=[
            ExpandedTermOut(
                term=term.term,
                weight=term.weight,
                reason=term.reason,
                path=steps_out(term.path),
                cypher=path_cypher(answer.build, [(step.source, step.target) for step in term.path]),
                said=answer.said[term.term],
            )
            for term in answer.expansion
        ],
        why_no_expansion=answer.why_no_expansion,
        results=[
            ResultOut(
                **fields_of(result, ResultOut, without=("parts", "highlights", "also")),
                also=list(result.also),
                parts=[PartOut(**fields_of(part, PartOut)) for part in result.parts],
                highlights=[HighlightOut(**fields_of(match, HighlightOut)) for match in result.highlights],
            )
            for result in answer.results
        ],
        entry=entry,
        entry_error=entry_error,
        took_ms=round(took_ms, 1),
        related=list(answer.related),
        **{name: getattr(answer, name) for name in ("offset", "more", "index", "did_you_mean", "pubmed")},
    )


def article_out(article: Article) -> ArticleOut:
    """Give an article."""
    return ArticleOut.model_validate(article, from_attributes=True)
