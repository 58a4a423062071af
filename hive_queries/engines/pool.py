"""A bounded pool: each connection is one caller's alone until it is given back, and only sound ones come back."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, Protocol, TypeVar

from strokemap.errors import HistoryStoreUnreachable


class Pooled(Protocol):
    """What a pool keeps. ``sound``: the next answer on it can only be that of the next question."""

    @property
    def sound(self) -> bool:  # noqa: D102
        ...

    def close(self) -> None:  # noqa: D102
        ...


Connection = TypeVar("Connection", bound=Pooled)


class Pool(Generic[Connection]):
    """At most ``size`` connections, made when needed; may be shared between threads."""

    def __init__(self, connect: Callable[[], Connection], *, size: int, wait: float) -> None:
        self._connect = connect
        self._wait = wait
        self._closed = False
        # A place for each, with an idle connection or None in it.
        self._places: queue.LifoQueue[Connection | None] = queue.LifoQueue()
        for _ in range(size):
            self._places.put(None)

    @contextmanager
    def checkout(self) -> Iterator[Connection]:
        """Give a connection to this caller alone. Errors: HistoryStoreUnreachable when none comes free in time."""
        try:
            connection = self._places.get(timeout=self._wait)
        except queue.Empty:
            raise HistoryStoreUnreachable(
                "All connections to the history store are in use.",
                hint="Try again later, or allow more with connections=….",
                where="history_store",
            ) from None
        try:
            # A server that was restarted has closed it; a late answer to an old question makes it unsound, too.
            connection = _sound(connection)
            connection = connection or self._connect()
            yield connection
        finally:
            kept = _sound(connection)
            if kept and self._closed:
                kept.close()
            self._places.put(None if self._closed else kept)

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        self._closed = True
        idle = []
        with suppress(queue.Empty):
            while True:
                idle.append(self._places.get_nowait())
        for connection in idle:
            if connection:
                connection.close()
            self._places.put(None)


def _sound(connection: Connection | None) -> Connection | None:
    if connection is None or connection.sound:
        return connection
    connection.close()
    return None
