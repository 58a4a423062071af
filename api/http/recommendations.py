"""Recommending for one patient."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends

from api.access import Caller
from api.http.depends import ServiceDep, may
from api.schemas import RecommendIn, RecommendOut
from strokemap.errors import UsageError

router = APIRouter(prefix="/api/v1", tags=["recommendations"])


@router.post("/recommendations")
def recommend(
    body: RecommendIn, service: ServiceDep, caller: Annotated[Caller, Depends(may("recommend"))]
) -> RecommendOut:
    """Recommend articles for a patient: their own, or one in the caller's care."""
    as_of = parse_day(body.as_of) if body.as_of else None
    return service.recommend(body.patient, as_of=as_of, limit=body.limit, caller=caller)


def parse_day(text: str) -> date:
    """Read a day written as 2026-11-23. Errors: UsageError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("There is no such day.", hint="Write it as 2026-11-23.", where="as_of") from None
