"""Searching, and reading what was found."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.access import Caller
from api.http.depends import ServiceDep, may
from api.indexing import correct_article
from api.search_schemas import ArticleOut, CorrectionIn, SearchIn, SearchOut

router = APIRouter(prefix="/api/v1", tags=["search"])


@router.post("/search")
def search(body: SearchIn, service: ServiceDep, caller: Annotated[Caller, Depends(may("search"))]) -> SearchOut:
    """Search articles; the map expands the query with related terms and says why."""
    return service.search(body.to_query(), caller=caller)


@router.patch("/articles/{article_id:path}", dependencies=[Depends(may("correct article"))])
def correct(article_id: str, body: CorrectionIn, service: ServiceDep) -> ArticleOut:
    """Correct one field of an article of the library; imports never overwrite it."""
    return ArticleOut.model_validate(correct_article(service.home, article_id, field=body.field, value=body.value))


@router.get("/articles/{article_id:path}", dependencies=[Depends(may("read article"))])
def read_article(article_id: str, service: ServiceDep) -> ArticleOut:
    """Read one article, `lib:<id>` or `wiki:<title>#<section>` (percent-encoded)."""
    return ArticleOut.model_validate(service.reader.current().index.article(article_id))
