"""Looks hosts up without waiting for ever: the system's own look-up may take a minute and can't be stopped."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from typing import Any


def look_up(*arguments: Any) -> Future[list[Any]]:
    """Ask ``socket.getaddrinfo`` in a thread that nobody waits for, not even the end of the process."""
    found: Future[list[Any]] = Future()
    found.set_running_or_notify_cancel()

    def look() -> None:
        try:
            found.set_result(socket.getaddrinfo(*arguments))
        except (OSError, UnicodeError) as error:
            # For every other error Neo4j's driver raises what is no error of a driver.
            found.set_exception(socket.gaierror(socket.EAI_NONAME, str(error)))

    threading.Thread(target=look, name="look-up", daemon=True).start()
    return found
