"""A proxy on loopback that stands before a real server, counts the requests and makes faults: our own, seeded."""

from __future__ import annotations

import gzip
import http.client
import http.server
import json
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

FAULTS = ("429", "503", "cut body", "cut JSON", "bad gzip", "HTML", "reset", "reset in the middle", "slow", "maxlag")
_END_TO_END = {"content-type", "content-encoding", "retry-after", "vary", "x-database-lag"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it came, and the fault it met with."""

    method: str
    path: str
    headers: dict[str, str]
    at: float
    fault: str


@dataclass(kw_only=True)
class FaultProxy:
    """Passes requests on, a share of them with a fault. Answers one at a time are enough for a polite client."""

    behind: str
    """The address of the real api.php."""
    share: float = 0.0
    faults: tuple[str, ...] = FAULTS
    seed: int = 0
    delay: float = 0.0
    """Seconds that every answer takes."""
    slow: float = 0.2
    retry_after: str = "0"
    spoilt: dict[str, str] = field(default_factory=dict)
    """Titles of pages, and the fault that every request for them meets with."""
    script: list[str] = field(default_factory=list)
    """Faults for the next requests, before chance decides; "" for none."""
    seen: list[Seen] = field(default_factory=list)
    most_at_once: int = 0

    def __enter__(self) -> Self:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()
        self._open = 0
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        """Where to send what is meant for the real server."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{urlsplit(self.behind).path}"

    def take(self, method: str, path: str, headers: dict[str, str]) -> str:
        """Write a request down and decide on its fault."""
        with self._lock:
            self._open += 1
            self.most_at_once = max(self.most_at_once, self._open)
            asked = parse_qs(urlsplit(path).query).get("titles", [""])[0].split("|")
            if spoiling := [title for title in asked if title in self.spoilt]:
                fault = self.spoilt[spoiling[0]]
            elif self.script:
                fault = self.script.pop(0)
            else:
                fault = self._random.choice(self.faults) if self._random.random() < self.share else ""
            self.seen.append(Seen(method=method, path=path, headers=headers, at=time.monotonic(), fault=fault))
        return fault

    def leave(self) -> None:
        """Write down that a request was answered."""
        with self._lock:
            self._open -= 1


class _Handler(http.server.BaseHTTPRequestHandler):
    proxy: FaultProxy

    def do_GET(self) -> None:
        fault = self.proxy.take(self.command, self.path, dict(self.headers))
        try:
            self._answer(fault)
        finally:
            self.proxy.leave()

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, fault: str) -> None:
        time.sleep(self.proxy.delay + (self.proxy.slow if fault == "slow" else 0))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        again = {"Retry-After": self.proxy.retry_after}
        if fault in {"429", "503"}:
            self._send(int(fault), again, b"Too many requests")
        elif fault == "HTML":
            self._send(200, {"Content-Type": "text/html"}, b"<!doctype html><title>Portal</title>")
        elif fault == "maxlag":
            error = {"error": {"code": "maxlag", "info": "Waiting for db1: 7.5 seconds lagged.", "lag": 7.5}}
            self._send(200, {**again, "X-Database-Lag": "7"}, json.dumps(error).encode())
        elif fault == "reset":
            self._reset()
        else:
            self._pass_on(body, fault)

    def _pass_on(self, body: bytes, fault: str) -> None:
        real = urlsplit(self.proxy.behind)
        connection = http.client.HTTPConnection(real.hostname or "", real.port, timeout=60)
        kept = {name: value for name, value in self.headers.items() if name.lower() not in {"host", "connection"}}
        if fault in {"cut JSON", "bad gzip"}:
            kept["Accept-Encoding"] = "identity"
        connection.request(self.command, self.path, body or None, kept)
        response = connection.getresponse()
        data = response.read()
        headers = {name: value for name, value in response.getheaders() if name.lower() in _END_TO_END}
        connection.close()
        if fault == "cut JSON":
            data = data[: len(data) // 2]
        elif fault == "bad gzip":
            data, headers["Content-Encoding"] = bytearray(gzip.compress(data)), "gzip"
            data[len(data) // 2] ^= 0xFF
            data[-6] ^= 0xFF
        if fault in {"cut body", "reset in the middle"}:
            self._send(response.status, headers, data, cut=True)
            if fault == "reset in the middle":
                self._reset()
        else:
            self._send(response.status, headers, data)

    def _send(self, status: int, headers: dict[str, str], data: bytes | bytearray, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.wfile.flush()
        self.close_connection = True

    def _reset(self) -> None:
        """Close without the polite ending, so that the other side sees a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
