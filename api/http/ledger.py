"""The ledger as anyone may read it: checkpoint and tiles (C2SP tlog-tiles); receipts for those who ask by index."""

from __future__ import annotations

import re

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse, Response

from api.http.depends import ServiceDep, may
from strokemap.errors import EntryUnknown

router = APIRouter(tags=["ledger"])
_TILE = re.compile(r"(?:entries|[0-9]|[1-5][0-9]|6[0-3])/(?:x[0-9]{3}/)*[0-9]{3}(?:\.p/[1-9][0-9]{0,2})?")


@router.get("/ledger/checkpoint", response_class=PlainTextResponse)
def checkpoint(service: ServiceDep) -> Response:
    """Give the signed checkpoint."""
    return _file(service, "checkpoint", media_type="text/plain; charset=utf-8")


@router.get("/ledger/tile/{path:path}", response_class=Response)
def tile(path: str, service: ServiceDep) -> Response:
    """Give a tile or an entry bundle."""
    if not _TILE.fullmatch(path):
        raise EntryUnknown("There is no such tile.", hint="Paths are as in C2SP tlog-tiles.", where="tile")
    return _file(service, f"tile/{path}", media_type="application/octet-stream")


@router.get(
    "/api/v1/ledger/receipts/{entry}", dependencies=[Depends(may("fetch receipt"))], response_class=PlainTextResponse
)
def receipt(entry: int, service: ServiceDep) -> PlainTextResponse:
    """Give the receipt of an entry: proof that it is on the ledger, checkable without us."""
    return PlainTextResponse(service.ledger.receipt(entry).text)


def _file(service: ServiceDep, path: str, *, media_type: str) -> Response:
    try:
        return Response((service.home.ledger / path).read_bytes(), media_type=media_type)
    except (FileNotFoundError, NotADirectoryError):
        raise EntryUnknown("There is no such tile or checkpoint yet.", hint="Ask again later.", where=path) from None
