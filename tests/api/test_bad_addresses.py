"""Addresses that lead nowhere, at the command line: exit 1, a code, a hint; no traceback, no secret, no long wait."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.api.conftest import Shown

SECRET = "hunter2"
GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>ready?</html>\n"
STORES = {
    "map": ("STROKEMAP_MAP_STORE", ["curate", "log"]),
    "history": ("STROKEMAP_HISTORY_STORE", ["histories", "status"]),
    "source": ("", ["crawl", "--topic", "stroke", "--source"]),
}


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Ports of loopback where nobody listens, where somebody never answers, and where the answer is a web page."""
    with ExitStack() as stack:
        open_ = {
            name: stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for name in ("closed", "hanging", "garbage")
        }
        threading.Thread(target=_talk, args=(open_["garbage"],), daemon=True).start()
        ports = {name: int(listener.getsockname()[1]) for name, listener in open_.items()}
        open_["closed"].close()
        yield ports


def _talk(listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.settimeout(5)
                connection.recv(4096)
                connection.sendall(GARBAGE)


@pytest.mark.parametrize(
    ("seam", "address", "code"),
    [
        ("map", "ftp://curator:hunter2@127.0.0.1/x", "map.store.unsupported"),
        ("map", "neo4j://curator:hunter2@127.0.0.1:{closed}", "map.store.unreachable"),
        ("map", "neo4j://curator:hunter2@127.0.0.1:{hanging}", "map.store.unreachable"),
        ("map", "neo4j://curator:hunter2@127.0.0.1:{garbage}", "map.store.unreachable"),
        ("map", "neo4j+s://curator:hunter2@127.0.0.1:{garbage}", "map.store.unreachable"),
        ("map", "bolt+ssc://curator:hunter2@127.0.0.1:{hanging}", "map.store.unreachable"),
        ("history", "ftp://analyst:hunter2@127.0.0.1/x", "history.store.unsupported"),
        ("history", "hive://analyst:hunter2@127.0.0.1:{closed}/d?files=/srv", "history.store.unreachable"),
        ("history", "hive://analyst:hunter2@127.0.0.1:{hanging}/d?files=/srv&connect=1", "history.store.unreachable"),
        ("history", "hive://analyst:hunter2@127.0.0.1:{garbage}/d?files=/srv", "history.store.unreachable"),
        ("source", "ftp://crawler:hunter2@127.0.0.1/x", "map.source.unsupported"),
        ("source", "http://127.0.0.1:{closed}/api.php?token=hunter2", "map.source.unreachable"),
        ("source", "http://127.0.0.1:{closed}/api.php", "map.source.unreachable"),
        ("source", "https://127.0.0.1:{garbage}/api.php", "map.source.unreachable"),
        ("source", "http://127.0.0.1:{garbage}/api.php", "map.source.malformed"),
    ],
)
def test_address_that_leads_nowhere_is_told_with_code_and_hint(
    command: Callable[..., Shown],
    monkeypatch: pytest.MonkeyPatch,
    ports: dict[str, int],
    seam: str,
    address: str,
    code: str,
) -> None:
    variable, words = STORES[seam]
    address = address.format(**ports)
    monkeypatch.setenv("STROKEMAP_CONTACT", "ops@hospital.example")
    if variable:
        monkeypatch.setenv(variable, address)
    else:
        words = [*words, address]
    shown = command(*words, "--json")
    error = json.loads(shown.out)["error"]
    assert (error["code"], shown.status) == (code, 1), shown.out
    assert error["hint"]
    assert "Traceback" not in shown.err
    assert SECRET not in shown.out + shown.err
