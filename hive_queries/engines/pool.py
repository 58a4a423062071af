"""A bounded pool: each connection is one caller's alone until it is given back, and only sound ones come back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from strokemap.errors import HistoryStoreUnreachable


class Pooled(Protocol):
    """What a pool keeps."""

    @property
    def sound(self) -> bool:
        """Whether the next answer on it can only be that of the next question."""
        ...

    def close(self) -> None:
        """Give it back to the server, or drop it when it is not sound."""
        ...


Connection = TypeVar("Connection", bound=Pooled)


class Pool(Generic[Connection]):
    """At most ``size`` connections, made when needed; may be shared between threads."""

    def __init__(self, connect: Callable[[], Connection], *, size: int, wait: float) -> None:
        self._connect = connect
        self._wait = wait
        self._free = threading.BoundedSemaphore(size)
        self._idle: list[Connection] = []
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def checkout(self) -> Iterator[Connection]:
        """Give a connection to this caller alone. Errors: HistoryStoreUnreachable when none comes free in time."""
        if not self._free.acquire(timeout=self._wait):
            raise HistoryStoreUnreachable(
                "All connections to the history store are in use.",
                hint="Try again later, or allow more with connections=….",
                where="history_store",
            )
        try:
            connection = self._take() or self._connect()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close what is idle now, and the rest when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            # A server that was restarted has closed it; a late answer to an old question makes it unsound, too.
            if connection.sound:
                return connection
            connection.close()

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            keep = connection.sound and not self._closed
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()
