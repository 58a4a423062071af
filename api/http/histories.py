"""Institutions send their extracts here; the same batch counts once however often it comes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool

from api.access import Caller, check_institution
from api.http.depends import IntakeDep, may
from api.schemas import AcquiredOut, acquired_out

router = APIRouter(prefix="/api/v1/histories", tags=["histories"])


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
        acquired = await run_in_threadpool(intake.acquire, path, institution=institution, format=format)
    return acquired_out(acquired, institution=institution)
