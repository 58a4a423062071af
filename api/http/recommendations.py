"""Recommending for one patient."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.access import Caller
from api.http.depends import ServiceDep, may
from api.schemas import RecommendIn, RecommendOut

router = APIRouter(prefix="/api/v1", tags=["recommendations"])


@router.post("/recommendations")
def recommend(
    body: RecommendIn, service: ServiceDep, caller: Annotated[Caller, Depends(may("recommend"))]
) -> RecommendOut:
    """Recommend articles for a patient: their own, or one in the caller's care."""
    return service.recommend(body.patient, as_of=body.as_of, limit=body.limit, caller=caller)
