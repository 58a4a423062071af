"""The web application: routes, screens, limits, headers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry, Counter, Histogram

from api.acquiring import Intake
from api.curating import Bench
from api.http import health, histories, ledger, map, recommendations, search, standards
from api.http.depends import Doors
from api.map_screens import router as map_screens
from api.problems import RESPONSES, add_handlers, problem
from api.screens import router as screens
from api.screens import show_error
from api.service import Service
from strokemap.errors import InputTooLarge, KeysSelfMade, LedgerError
from strokemap.home import Home
from strokemap.keys import Keys

log = logging.getLogger(__name__)
STATIC = Path(__file__).parent / "static"
MAX_BODY_BYTES = 1024 * 1024
_PUBLISH_SECONDS = 1.0
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with that, browsers say "Origin: null" even in our own forms, and we could not tell them apart.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

ROUTERS = tuple(room.router for room in (search, recommendations, map, histories, ledger, standards, health))
ROUTES = tuple(
    (method, route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
)
"""Method and path of each route that the outside relies on."""


def make_app(service: Service, *, bench: Bench, intake: Intake) -> FastAPI:
    """Put the application together; nothing is opened or published before it starts."""
    app = FastAPI(
        title="Strokemap",
        version="1",
        summary="Knowledge-graph search and recommendation for stroke",
        lifespan=_lifespan,
        responses=RESPONSES,
        docs_url=None,  # its page loads scripts from elsewhere; /openapi.json describes all
        redoc_url=None,
    )
    registry = CollectorRegistry()
    app.state.doors = Doors(service=service, bench=bench, intake=intake, metrics=registry)
    add_handlers(app, show=show_error)
    _add_measuring(app, registry)
    for router in (*ROUTERS, screens, map_screens):
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def refuse_self_made_keys(home: Home, keys: Keys) -> None:
    """Raise KeysSelfMade where secrets were never taken over, except on a demonstration."""
    if not home.demonstration and (paths := keys.self_made()):
        raise KeysSelfMade(
            f"{len(paths)} keys of this home were made by Strokemap itself, and nobody has taken them over.",
            hint="Put your own there (openssl rand -base64 32), or back each up and remove its first line.",
            where=str(paths[0]),
        )


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    # Answers are CPU work: more threads than this only make everyone wait longer. Who waits for a store has others.
    anyio.to_thread.current_default_thread_limiter().total_tokens = 2 * (os.cpu_count() or 1)
    service = cast(Doors, app.state.doors).service
    publisher = asyncio.create_task(_publish_regularly(service))
    try:
        yield
    finally:
        publisher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await publisher
        await asyncio.to_thread(_publish, service)


async def _publish_regularly(service: Service) -> None:
    said = None
    while True:
        await asyncio.sleep(_PUBLISH_SECONDS)
        problem = await asyncio.to_thread(_publish, service)
        if problem and problem != said:
            log.warning("the ledger's checkpoint is not renewed: %s", problem)
        said = problem


def _publish(service: Service) -> str | None:
    """Publish, or give the code of what is in the way: entries are durable, and published next time."""
    try:
        service.ledger.publish()
    except LedgerError as error:
        return error.code
    return None


def _add_measuring(app: FastAPI, registry: CollectorRegistry) -> None:
    answers = Counter("strokemap_answers", "Answers by route and status", ["route", "status"], registry=registry)
    seconds = Histogram("strokemap_answer_seconds", "Time to answer by route", ["route"], registry=registry)

    @app.middleware("http")
    async def measure(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        started = time.perf_counter()
        # A body of unknown length could be of any: only batches, which go to the disk, may come so.
        length = request.headers.get("content-length", "0" if "transfer-encoding" not in request.headers else "")
        fits = length.isdigit() and int(length) <= MAX_BODY_BYTES
        if not fits and not request.url.path.endswith("/batches"):
            hint = "Send less, with a Content-Length."
            response = problem(InputTooLarge("The request is larger than 1 MiB.", hint=hint, where="body"))
        else:
            response = await call_next(request)
        # The route's pattern, not its path: a path may name a term or an article.
        route = getattr(request.scope.get("route"), "path", "other")
        answers.labels(route, response.status_code).inc()
        seconds.labels(route).observe(time.perf_counter() - started)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response
