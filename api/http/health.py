"""Is the process up, can it answer, and how much did it do: for load balancers and monitors. Counts only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import generate_latest

from api.http.depends import DoorsDep, at_store
from api.schemas import EntryError, ReadyOut
from strokemap.errors import StrokemapError

router = APIRouter(tags=["health"])


@router.get("/healthz", response_class=PlainTextResponse)
def healthz() -> str:
    """Say that the process is up."""
    return "ok\n"


@router.get("/readyz", responses={503: {"model": ReadyOut}})
async def readyz(doors: DoorsDep) -> Response:
    """Say whether searches can be answered, and which store is out of reach (that alone does not stop answers)."""
    home = doors.service.home
    asked = (lambda: nullcontext(doors.service.reader.current()), doors.bench.store, doors.intake.store)
    reader, *stores = await asyncio.gather(*(at_store(_problem, one) for one in asked))
    document = ReadyOut(
        ready=reader is None,
        build=home.current("map"),
        profiles=home.current("profiles"),
        problems=[EntryError(code=error.code, message=error.message) for error in (reader, *stores) if error],
    )
    return JSONResponse(document.model_dump(), status_code=200 if document.ready else 503)


def _problem(open_: Callable[[], AbstractContextManager[object]]) -> StrokemapError | None:
    try:
        with open_():
            return None
    except StrokemapError as error:
        return error


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(doors: DoorsDep) -> PlainTextResponse:
    """Give counters and times in the Prometheus text format."""
    return PlainTextResponse(generate_latest(doors.metrics).decode(), media_type="text/plain; version=0.0.4")
