"""What routes ask for in their signatures: the service, and a caller who may do this; where they wait for a store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Annotated, Any, TypeVar, cast

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Depends, Request
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CollectorRegistry

from api.access import Caller, check_action
from api.acquiring import Intake
from api.curating import Bench
from api.service import Service
from api.tokens import read_token
from strokemap.errors import TokenInvalid

T = TypeVar("T")
STORE_CALLS = CapacityLimiter(64)
"""Calls at once that may wait for a store. Readers have the other threads to themselves, however long these hang."""
_bearer = HTTPBearer(auto_error=False, description="A token made by `strokemap token`")


async def at_store(call: Callable[..., T], *arguments: object, **named: object) -> T:
    """Run a call that may wait for a store, in a thread that no reader needs."""
    return await run_sync(partial(call, *arguments, **named), limiter=STORE_CALLS)


class StoreRoute(APIRoute):
    """A route that may wait for a store."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if not iscoroutinefunction(endpoint):
            endpoint = wraps(endpoint)(partial(at_store, endpoint))
        super().__init__(path, endpoint, **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What one process of the application works with."""

    service: Service
    bench: Bench
    intake: Intake
    metrics: CollectorRegistry


def get_doors(request: Request) -> Doors:
    """Give what `make_app` put together."""
    return cast(Doors, request.app.state.doors)


DoorsDep = Annotated[Doors, Depends(get_doors)]


def get_service(doors: DoorsDep) -> Service:
    """Give the service: answers with their entries."""
    return doors.service


def get_bench(doors: DoorsDep) -> Bench:
    """Give the curator's bench."""
    return doors.bench


def get_intake(doors: DoorsDep) -> Intake:
    """Give the door for extracts."""
    return doors.intake


ServiceDep = Annotated[Service, Depends(get_service)]
BenchDep = Annotated[Bench, Depends(get_bench)]
IntakeDep = Annotated[Intake, Depends(get_intake)]


def get_caller(
    service: ServiceDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """Give whom the bearer token speaks for. Errors: TokenInvalid."""
    if credentials is None:
        raise TokenInvalid("This needs a bearer token.", hint="Make one: strokemap token --role … --subject ….")
    return read_token(credentials.credentials, key=service.keys.secret("token"), origin=service.home.origin)


def may(action: str) -> Callable[[Caller], Caller]:
    """Give a dependency that lets through only callers whose role may do this."""

    def allowed(caller: Annotated[Caller, Depends(get_caller)]) -> Caller:
        check_action(caller, action)
        return caller

    return allowed
