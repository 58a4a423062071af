"""Questions over the wire: faults that pass are tried again, others end with an error that says what to do.

The other side is a server of the test with answers written down before; the clock is the test's, too.
"""

from __future__ import annotations

import gzip
import http.server
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import mwclient
import pytest

from kg_builder.sources.pace import Pace
from kg_builder.sources.wire import FIRST_TRIES, TRIES, Wire
from strokemap import __version__
from strokemap.errors import MapError, SourceMalformed, SourceRefused, SourceUnreachable

GOOD = (200, {"Content-Type": "application/json"}, b'{"query": {}}')


@dataclass
class Scripted:
    """A server that gives its answers one after another, the last one for ever."""

    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=lambda: [GOOD])
    methods: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    questions: list[dict[str, list[str]]] = field(default_factory=list)
    address: str = ""


@dataclass
class Time:
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds


@pytest.fixture
def server() -> Iterator[Scripted]:
    script = Scripted()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            script.methods.append(self.command)
            script.headers.append(dict(self.headers))
            script.questions.append(parse_qs(urlsplit(self.path).query or body, keep_blank_values=True))
            status, headers, data = script.answers[0] if len(script.answers) == 1 else script.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.close_connection = True

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script.address = f"http://127.0.0.1:{running.server_address[1]}/w/api.php"
    thread = threading.Thread(target=running.serve_forever, args=(0.05,))
    thread.start()
    yield script
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def connect(time: Time) -> Iterator[Callable[..., Wire]]:
    opened: list[Wire] = []

    def open_(address: str, *, read: float = 0.3) -> Wire:
        pace = Pace(clock=time, sleep=time.sleep)
        opened.append(Wire(address, contact="ops@hospital.example", pace=pace, timeouts=(1.0, read)))
        return opened[-1]

    yield open_
    for wire in opened:
        wire.close()


@pytest.fixture
def wire(connect: Callable[..., Wire], server: Scripted) -> Wire:
    return connect(server.address)


def test_question_is_a_get_with_all_that_etiquette_asks_for(wire: Wire, server: Scripted) -> None:
    assert wire.ask(titles="Stroke|Café") == {"query": {}}
    assert server.methods == ["GET"]
    sent = server.headers[0]
    assert sent["User-Agent"] == f"Strokemap/{__version__} (ops@hospital.example) mwclient/{mwclient.__version__}"
    assert sent["Accept-Encoding"] == "gzip"
    expected = {"action": ["query"], "format": ["json"], "formatversion": ["2"], "maxlag": ["5"]}
    assert server.questions[0] == expected | {"titles": ["Stroke|Café"]}


def test_only_a_question_too_long_for_an_address_is_posted(wire: Wire, server: Scripted) -> None:
    titles = "|".join(["Ж" * 60] * 50)
    wire.ask(titles=titles)
    assert server.methods == ["POST"]
    assert server.questions[0]["titles"] == [titles]
    assert server.headers[0]["Promise-Non-Write-API-Action"] == "true"


def error(code: str) -> bytes:
    return json.dumps({"error": {"code": code, "info": "The reason."}}).encode()


BROKEN = bytearray(gzip.compress(GOOD[2], mtime=0))
BROKEN[-6] ^= 0xFF
PASSING = {
    "429": (429, {}, b""),
    "500": (500, {}, b"<h1>Oops</h1>"),
    "503": (503, {}, b""),
    "504": (504, {}, b""),
    "maxlag": (200, {"X-Database-Lag": "7"}, error("maxlag")),
    "ratelimited": (200, {}, error("ratelimited")),
    "database gone": (200, {}, error("internal_api_error_DBConnectionError")),
    "HTML": (200, {"Content-Type": "text/html"}, b"<!doctype html>"),
    "nothing": (200, {}, b""),
    "cut JSON": (200, {}, GOOD[2][:-3]),
    "cut body": (200, {"Content-Length": "999"}, GOOD[2]),
    "bad gzip": (200, {"Content-Encoding": "gzip"}, bytes(BROKEN)),
    "not UTF-8": (200, {}, b'{"query": "\xff"}'),
    "null": (200, {}, b"null"),
    "list": (200, {}, b"[1]"),
    "deep": (200, {}, b"[" * 100_000),
}


@pytest.mark.parametrize("fault", PASSING)
def test_fault_that_passes_is_tried_again(wire: Wire, server: Scripted, time: Time, fault: str) -> None:
    server.answers = [PASSING[fault], PASSING[fault], GOOD]
    assert wire.ask() == {"query": {}}
    assert wire.requests == len(server.methods) == 3
    assert time.slept == [1.0, 2.0]


@pytest.mark.parametrize("fault", PASSING)
def test_fault_that_stays_ends_after_bounded_tries(wire: Wire, server: Scripted, time: Time, fault: str) -> None:
    server.answers = [PASSING[fault]]
    with pytest.raises(MapError) as caught:
        wire.ask()
    assert isinstance(caught.value, SourceUnreachable | SourceMalformed)
    assert wire.requests == TRIES
    assert sum(time.slept) < 300
    assert caught.value.where == server.address
    assert caught.value.hint


@pytest.mark.parametrize("fault", ["429", "503", "maxlag"])
def test_retry_after_is_obeyed(wire: Wire, server: Scripted, time: Time, fault: str) -> None:
    status, headers, body = PASSING[fault]
    server.answers = [(status, headers | {"Retry-After": "17"}, body), GOOD]
    wire.ask()
    assert time.slept == [17.0]


def test_whoever_asks_for_a_long_pause_is_left_alone(wire: Wire, server: Scripted, time: Time) -> None:
    server.answers = [(429, {"Retry-After": "3600"}, b"")]
    with pytest.raises(SourceUnreachable, match="status 429") as caught:
        wire.ask()
    assert "3600 s" in caught.value.hint
    assert (wire.requests, time.slept) == (1, [])


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 414])
def test_refusal_ends_at_once(wire: Wire, server: Scripted, status: int) -> None:
    server.answers = [(status, {"Location": "https://user:pw@other.example/w/api.php?token=secret"}, b"")]
    with pytest.raises(SourceRefused) as caught:
        wire.ask()
    assert wire.requests == 1
    assert "secret" not in str(caught.value.document())
    assert "pw" not in str(caught.value.document())
    if status < 400:
        assert "https://other.example/w/api.php" in caught.value.message


@pytest.mark.parametrize("place", ["", "/w/api.php", "http://[half", "http://x:99999/", "mailto:a@b"])
def test_redirection_to_nonsense_is_a_refusal_too(wire: Wire, server: Scripted, place: str) -> None:
    server.answers = [(302, {"Location": place}, b"")]
    with pytest.raises(SourceRefused, match="nowhere"):
        wire.ask()


def test_host_that_can_be_none_is_given_up_soon(connect: Callable[..., Wire]) -> None:
    wire = connect("http://a..b/api.php")
    with pytest.raises(SourceUnreachable):
        wire.ask()
    assert wire.requests == FIRST_TRIES


@pytest.mark.parametrize("code", ["readapidenied", "badcontinue", "<script>", "x" * 500])
def test_other_errors_of_the_api_end_at_once(wire: Wire, server: Scripted, code: str) -> None:
    server.answers = [(200, {}, error(code))]
    with pytest.raises(SourceRefused) as caught:
        wire.ask()
    assert wire.requests == 1
    assert "<" not in caught.value.message
    assert len(caught.value.message) < 120


def test_hanging_host_is_given_up_soon_where_it_never_answered(
    connect: Callable[..., Wire], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kg_builder.sources.wire.FIRST_ANSWER", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        wire = connect(f"http://127.0.0.1:{silent.getsockname()[1]}/api.php", read=3600)
        with pytest.raises(SourceUnreachable, match="in time"):
            wire.ask()
    assert wire.requests == FIRST_TRIES


def test_closed_port_is_given_up_soon_where_it_never_answered(connect: Callable[..., Wire]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    wire = connect(f"http://127.0.0.1:{port}/api.php")
    with pytest.raises(SourceUnreachable) as caught:
        wire.ask()
    assert wire.requests == FIRST_TRIES
    assert caught.value.retryable


def test_plain_port_asked_for_tls_is_told(connect: Callable[..., Wire], server: Scripted) -> None:
    wire = connect(server.address.replace("http:", "https:"))
    with pytest.raises(SourceUnreachable, match="secure"):
        wire.ask()


def test_answer_that_drips_for_ever_is_given_up(
    connect: Callable[..., Wire], time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes within the time limit; by the clock of the test a minute passes between them."""
    monkeypatch.setattr("kg_builder.sources.wire._CHUNK", 1)
    with socket.create_server(("127.0.0.1", 0)) as dripping:
        wire = connect(f"http://127.0.0.1:{dripping.getsockname()[1]}/api.php", read=60)

        def drip() -> None:
            for _ in range(FIRST_TRIES):
                caller, _ = dripping.accept()
                with caller, suppress(OSError):
                    caller.recv(65536)
                    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                    while True:
                        time.now += 60
                        caller.sendall(b" ")

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(SourceUnreachable, match="takes too long"):
            wire.ask()
        thread.join()
    assert wire.requests == FIRST_TRIES


def test_endless_answer_is_given_up(wire: Wire, server: Scripted, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kg_builder.sources.wire.LARGEST_ANSWER", 1000)
    server.answers = [(200, {}, b" " * 5000)]
    with pytest.raises(SourceMalformed, match="larger"):
        wire.ask()


def test_log_has_faults_but_no_question(wire: Wire, server: Scripted, caplog: pytest.LogCaptureFixture) -> None:
    server.answers = [PASSING["503"], GOOD]
    with caplog.at_level(logging.INFO, logger="kg_builder"):
        wire.ask(titles="Aphasia")
    assert "status 503" in caplog.text
    assert "Aphasia" not in caplog.text
