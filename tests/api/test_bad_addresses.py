"""Addresses that lead nowhere, at the command line: exit 1, a code, a hint; no traceback, no secret, no long wait."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from hive_queries.engines.address import parse_address
from kg_builder.stores.bolt import CLOSE_SECONDS, CONNECT_SECONDS, WAIT_SECONDS
from tests.api.conftest import Shown

if TYPE_CHECKING:
    from tests.servers.neo4j import Neo4jProcess

SECRET = "hunter2"
ANSWERS = {
    "garbage": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<html>ready?</html>\n",
    "login": b"\x03\x00\x00\x00\x1aError validating the login",
}
STORES = {
    "map": ("STROKEMAP_MAP_STORE", ["curate", "log"]),
    "history": ("STROKEMAP_HISTORY_STORE", ["histories", "status"]),
    "source": ("", ["crawl", "--topic", "stroke", "--source"]),
}


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Ports of loopback: nobody listens; nobody answers; a web page is the answer; a login is refused as by Hive."""
    with ExitStack() as stack:
        open_ = {
            name: stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for name in ("closed", "hanging", *ANSWERS)
        }
        for name, answer in ANSWERS.items():
            threading.Thread(target=_talk, args=(open_[name], answer), daemon=True).start()
        ports = {name: int(listener.getsockname()[1]) for name, listener in open_.items()}
        open_["closed"].close()
        yield ports


def _talk(listener: socket.socket, answer: bytes) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.settimeout(5)
                connection.recv(4096)
                connection.sendall(answer)


@pytest.fixture
def try_address(command: Callable[..., Shown], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a command that needs what the address names, and look how it fails."""

    def run(seam: str, address: str, code: str) -> None:
        variable, words = STORES[seam]
        monkeypatch.setenv("STROKEMAP_CONTACT", "ops@hospital.example")
        monkeypatch.setattr("kg_builder.sources.wire.FIRST_ANSWER", 1.0)
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

    return run


@pytest.mark.parametrize(
    ("seam", "address", "code"),
    [
        ("map", "ftp://curator:hunter2@127.0.0.1/x", "map.store.unsupported"),
        ("map", "neo4j://curator:hunter2@127.0.0.1:{closed}", "map.store.unreachable"),
        ("map", "neo4j://curator:hunter2@127.0.0.1:{hanging}", "map.store.unreachable"),
        ("map", "neo4j://curator:hunter2@127.0.0.1:{garbage}", "map.store.unreachable"),
        ("map", "neo4j+s://curator:hunter2@127.0.0.1:{garbage}", "map.store.unreachable"),
        ("map", "bolt+ssc://curator:hunter2@127.0.0.1:{hanging}", "map.store.unreachable"),
        ("map", "hunter2@127.0.0.1/x", "map.store.unsupported"),
        ("map", "neo4j://curator:hunter2@a..b", "map.store.unreachable"),
        ("history", "ftp://analyst:hunter2@127.0.0.1/x", "history.store.unsupported"),
        ("history", "hunter2@127.0.0.1/x", "history.store.unsupported"),
        ("history", "analyst hunter2", "history.store.unsupported"),
        ("history", "hive://analyst:hunter2@a..b/d?files=/srv", "history.store.unreachable"),
        ("history", "hive://analyst:hunter2@127.0.0.1:{login}/d?files=/srv", "history.store.refused"),
        ("history", "hive://analyst:hunter2@127.0.0.1:{closed}/d?files=/srv", "history.store.unreachable"),
        ("history", "hive://analyst:hunter2@127.0.0.1:{hanging}/d?files=/srv&connect=1", "history.store.unreachable"),
        ("history", "hive://analyst:hunter2@127.0.0.1:{garbage}/d?files=/srv", "history.store.unreachable"),
        ("source", "ftp://crawler:hunter2@127.0.0.1/x", "map.source.unsupported"),
        ("source", "ftp://h/p;hunter2", "map.source.unsupported"),
        ("source", "hunter2://127.0.0.1/x", "map.source.unsupported"),
        ("source", "http://127.0.0.1:{closed}/api.php?token=hunter2", "map.source.unreachable"),
        ("source", "http://127.0.0.1:{hanging}/api.php", "map.source.unreachable"),
        ("source", "http://127.0.0.1:{closed}/api.php", "map.source.unreachable"),
        ("source", "https://127.0.0.1:{garbage}/api.php", "map.source.unreachable"),
        ("source", "http://127.0.0.1:{garbage}/api.php", "map.source.malformed"),
    ],
)
def test_address_that_leads_nowhere_is_told_with_code_and_hint(
    try_address: Callable[..., None], ports: dict[str, int], seam: str, address: str, code: str
) -> None:
    try_address(seam, address.format(**ports), code)


@pytest.mark.parametrize(
    ("seam", "address"),
    [
        ("map", "neo4j://curator:hunter2@hangs.example:7687"),
        ("history", "hive://analyst:hunter2@hangs.example:10000/d?files=/srv&connect=1"),
    ],
)
def test_host_whose_look_up_hangs_is_given_up(
    try_address: Callable[..., None], monkeypatch: pytest.MonkeyPatch, seam: str, address: str
) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait())
    try_address(seam, address, f"{seam}.store.unreachable")
    over.set()


def test_limits_of_what_a_person_waits_for_stay_under_five_seconds() -> None:
    """The other tests take what ended after any time, on a busy machine; benchmarks/servers.py measures these."""
    assert max(CONNECT_SECONDS, WAIT_SECONDS) + CLOSE_SECONDS < 5
    assert parse_address("hive://host?files=/srv").connect < 5


@pytest.mark.server
def test_wrong_password_is_told_by_neo4j(try_address: Callable[..., None], neo4j_server: Neo4jProcess) -> None:
    try_address("map", neo4j_server.address(password=SECRET), "map.store.refused")
