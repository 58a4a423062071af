"""Is the process up, can it answer, and how much did it do: for load balancers and monitors. Counts only."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import generate_latest

from api.http.depends import DoorsDep
from api.schemas import EntryError, ReadyOut
from strokemap.errors import StrokemapError

router = APIRouter(tags=["health"])


@router.get("/healthz", response_class=PlainTextResponse)
def healthz() -> str:
    """Say that the process is up."""
    return "ok\n"


@router.get("/readyz", responses={503: {"model": ReadyOut}})
def readyz(doors: DoorsDep) -> Response:
    """Say whether searches can be answered, and which store is out of reach (that alone does not stop answers)."""
    problems: list[StrokemapError] = []
    home = doors.service.home
    try:
        doors.service.reader.current()
        ready = True
    except StrokemapError as error:
        problems.append(error)
        ready = False
    for open_store in (doors.bench.store, doors.intake.store):
        try:
            with open_store():
                pass
        except StrokemapError as error:
            problems.append(error)
    document = ReadyOut(
        ready=ready,
        build=home.current("map"),
        profiles=home.current("profiles"),
        problems=[EntryError(code=error.code, message=error.message) for error in problems],
    )
    return JSONResponse(document.model_dump(), status_code=200 if ready else 503)


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(doors: DoorsDep) -> PlainTextResponse:
    """Give counters and times in the Prometheus text format."""
    return PlainTextResponse(generate_latest(doors.metrics).decode(), media_type="text/plain; version=0.0.4")
