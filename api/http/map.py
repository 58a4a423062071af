"""The curator's routes: a term, decisions, publishing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from api.access import Caller
from api.http.depends import BenchDep, ServiceDep, StoreRoute, may
from api.schemas import DecisionIn, DecisionOut, PublishedOut, TermOut, decision_out, term_out

router = APIRouter(prefix="/api/v1/map", tags=["map"], route_class=StoreRoute)


@router.get("/terms/{term_id:path}", dependencies=[Depends(may("read map"))])
def read_term(term_id: str, bench: BenchDep) -> TermOut:
    """Look a term of the published map up in the map store, live; `term_id` is its title, percent-encoded."""
    return term_out(bench.term(term_id))


@router.post("/decisions")
def decide(
    body: DecisionIn, bench: BenchDep, service: ServiceDep, caller: Annotated[Caller, Depends(may("decide"))]
) -> DecisionOut:
    """Record a decision; it is applied to every later build."""
    decision = bench.decide(
        action=body.action, term=body.term, value=body.value, why=body.why, who=caller.subject, now=service.now()
    )
    return decision_out(decision)


@router.post("/builds/{digest}/publish", dependencies=[Depends(may("publish"))])
def publish(digest: str, bench: BenchDep) -> PublishedOut:
    """Publish a build of the store and index it; searches go on with the one before until this is done."""
    projection = bench.publish(digest)
    return PublishedOut(digest=projection.digest, terms=len(projection))
