"""Searching, and reading what was found."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.access import Caller
from api.http.depends import ServiceDep, may
from api.schemas import ArticleOut, SearchIn, SearchOut, article_out

router = APIRouter(prefix="/api/v1", tags=["search"])


@router.post("/search")
def search(body: SearchIn, service: ServiceDep, caller: Annotated[Caller, Depends(may("search"))]) -> SearchOut:
    """Search articles; the map expands the query with related terms and says why."""
    return service.search(body.to_query(), caller=caller)


@router.get("/articles/{article_id:path}", dependencies=[Depends(may("read article"))])
def read_article(article_id: str, service: ServiceDep) -> ArticleOut:
    """Read one article, `lib:<id>` or `wiki:<title>#<section>` (percent-encoded)."""
    return article_out(service.reader.current().index.article(article_id))
