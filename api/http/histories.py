"""Institutions send their extracts here, each batch counts once however often it comes; and named questions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from api.access import Caller, check_institution
from api.http.depends import IntakeDep, ServiceDep, StoreRoute, at_store, may
from api.schemas import AcquiredOut, QuestionOut, ShortText, Strict, acquired_out

router = APIRouter(prefix="/api/v1/histories", tags=["histories"], route_class=StoreRoute)


@router.post("/{institution}/batches", openapi_extra={"requestBody": {"content": {"application/octet-stream": {}}}})
async def send_batch(
    institution: str,
    request: Request,
    intake: IntakeDep,
    format: Annotated[str, Query(pattern="^[a-z]{2,20}$")],
    caller: Annotated[Caller, Depends(may("send batch"))],
) -> AcquiredOut:
    """Take one extract as the request's body: one file, or a .zip of the folder that a format asks for."""
    check_institution(caller, institution)
    async with intake.received(request.stream()) as path:
        acquired = await at_store(intake.acquire, path, institution=institution, format=format)
    return acquired_out(acquired, institution=institution)


class QuestionIn(Strict):
    """The parameters of a question, as text."""

    params: dict[ShortText, ShortText] = Field(default_factory=dict, max_length=20)


@router.post("/questions/{question}")
def ask_question(
    question: ShortText,
    asked: QuestionIn,
    intake: IntakeDep,
    service: ServiceDep,
    caller: Annotated[Caller, Depends(may("ask"))],
) -> QuestionOut:
    """Ask a named question of the histories."""
    return intake.ask(question, params=asked.params, caller=caller, service=service)
