"""Errors over HTTP: problem details (RFC 9457) with the same code, hint and place as everywhere."""

from __future__ import annotations

import logging
from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from strokemap.errors import AddressUnknown, StrokemapError

log = logging.getLogger(__name__)


class Problem(BaseModel):
    """What went wrong, for a program and for a person."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    hint: str
    retryable: bool
    where: str | None


RESPONSES: dict[int | str, dict[str, object]] = {
    status: {"model": Problem, "content": {"application/problem+json": {}}}
    for status in (400, 401, 403, 404, 405, 409, 413, 422, 500, 503)
}


def problem(error: StrokemapError) -> Response:
    """Give an error as a response."""
    document = Problem(
        title=type(error).__name__,
        status=error.http_status,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        retryable=error.retryable,
        where=error.where,
    )
    headers = {"Retry-After": "1"} if error.retryable else {}
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return _response(document, headers)


def add_handlers(app: FastAPI, *, show: Callable[[Request, StrokemapError], Response]) -> None:
    """Turn every error of this application into problem details; ``show`` makes a screen of it for a browser."""

    @app.exception_handler(StrokemapError)
    def known(request: Request, error: StrokemapError) -> Response:
        log.info("answered %s with %s", error.http_status, error.code)
        for_a_person = "text/html" in request.headers.get("accept", "")
        return show(request, error) if for_a_person else problem(error)

    @app.exception_handler(RequestValidationError)
    def malformed(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        # Neither the value sent nor pydantic's "input" is repeated: it may be health data.
        document = Problem(
            title="UsageError",
            status=422,
            detail=f"The request is not understood: {first['msg'].lower()}.",
            code="strokemap.usage",
            hint="/openapi.json describes the requests.",
            retryable=False,
            where=".".join(str(part) for part in first["loc"]),
        )
        return _response(document, {})

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            hint = "Check it; /openapi.json lists what there is."
            return known(request, AddressUnknown("There is nothing at this address.", hint=hint))
        document = Problem(
            title="Refused",
            status=error.status_code,
            detail=str(error.detail),
            code=AddressUnknown.code,
            hint="/openapi.json lists what there is.",
            retryable=False,
            where=None,
        )
        return _response(document, dict(error.headers or {}))

    @app.exception_handler(Exception)
    def unforeseen(_request: Request, error: Exception) -> Response:
        log.error("unforeseen %s", type(error).__name__)
        document = Problem(
            title="Unforeseen",
            status=500,
            detail="Something went wrong that Strokemap did not foresee.",
            code="strokemap.unexpected",
            hint="Try again; if it stays, tell whoever runs this service.",
            retryable=False,
            where=None,
        )
        return _response(document, {})


def _response(document: Problem, headers: dict[str, str]) -> Response:
    return JSONResponse(
        document.model_dump(), status_code=document.status, media_type="application/problem+json", headers=headers
    )
