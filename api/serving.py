"""Running the web application in this process."""

from __future__ import annotations

import os
import socket
import threading
import webbrowser

import click
import uvicorn

from api.acquiring import Intake
from api.app import make_app
from api.curating import Bench
from api.service import open_service, utc_now
from strokemap.errors import UsageError
from strokemap.home import Home
from strokemap.keys import Keys
from strokemap.settings import Settings


def run(home: Home, keys: Keys, settings: Settings, *, host: str, port: int, open_browser: bool) -> None:
    """Serve until interrupted; the address is printed when the door is open. Errors: UsageError for a taken port."""
    app = make_app(
        open_service(home, keys),
        bench=Bench(home=home, store_url=settings.map_store_url()),
        intake=Intake(
            home=home,
            keys=keys,
            store_url=settings.history_store_url(),
            now=utc_now,
            retention_days=settings.retention_days,
        ),
    )
    listener = _listen(host, port)
    address = f"http://{host}:{listener.getsockname()[1]}/"
    # Requests are counted in /metrics; an access log would only repeat addresses.
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning", server_header=False))
    click.echo(f"Serving at {address} (Ctrl-C stops)")
    if open_browser and _has_browser():
        threading.Timer(1.0, webbrowser.open, [address]).start()
    server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # From here on callers wait instead of being refused: the address is printed before the application is up.
        listener.listen()
    except OSError as error:
        listener.close()
        raise UsageError(
            f"Nothing can be served at {host}:{port}: {error.strerror}.",
            hint="Give another --port; 0 takes a free one.",
            where="--port",
        ) from None
    return listener


def _has_browser() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.uname().sysname == "Darwin")
