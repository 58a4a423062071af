"""A demonstration made once for all tests of the faces, and ways to knock at each of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.access import Caller
from api.acquiring import Intake
from api.app import make_app
from api.cli.context import Setup
from api.cli.main import main
from api.curating import Bench
from api.demo import demonstrate, open_demonstration
from api.service import open_service, utc_now
from api.tokens import make_token
from strokemap.progress import silent
from strokemap.settings import Settings


@dataclass(frozen=True)
class Shown:
    """What a command printed and how it left."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Demonstration:
    """A demonstration that ran, with what it said."""

    setup: Setup
    summary: dict[str, object]
    said: list[str]


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    folder = tmp_path_factory.mktemp("demonstration")
    settings = Settings(home=folder / "home", keys=folder / "keys")
    setup = open_demonstration(settings, explicit=True)
    said: list[str] = []
    return Demonstration(setup=setup, summary=demonstrate(setup, progress=silent, say=said.append), said=said)


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Callable[..., Shown]:
    """Run one command in this process, on the home that the environment names."""

    def run(*arguments: str | Path) -> Shown:
        capfd.readouterr()
        try:
            main([str(argument) for argument in arguments])
            status = 0
        except SystemExit as error:
            status = int(error.code or 0)
        shown = capfd.readouterr()
        return Shown(status=status, out=shown.out, err=shown.err)

    return run


@pytest.fixture
def demo_command(
    demonstration: Demonstration, command: Callable[..., Shown], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Shown]:
    """Run one command on the demonstration's home."""
    monkeypatch.setenv("STROKEMAP_HOME", str(demonstration.setup.settings.home))
    monkeypatch.setenv("STROKEMAP_KEYS", str(demonstration.setup.settings.keys))
    return command


@pytest.fixture(scope="session")
def web(demonstration: Demonstration) -> Iterator[TestClient]:
    setup = demonstration.setup
    app = make_app(
        open_service(setup.home, setup.keys),
        bench=Bench(home=setup.home, store_url=setup.settings.map_store_url()),
        intake=Intake(home=setup.home, keys=setup.keys, store_url=setup.settings.history_store_url(), now=utc_now),
    )
    with TestClient(
        app, base_url="http://strokemap.test", follow_redirects=False, raise_server_exceptions=False
    ) as web:
        yield web


def headers_for(setup: Setup, role: str, *, subject: str = "", institution: str = "north") -> dict[str, str]:
    """Give the headers of a request by this role."""
    subject = subject or {"patient": "north-000001"}.get(role, "someone")
    caller = Caller(role=role, subject=subject, institution=institution)
    text = make_token(caller, key=setup.keys.secret("token"), origin=setup.home.origin, now=utc_now())
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture(scope="session")
def token(demonstration: Demonstration) -> Callable[..., dict[str, str]]:
    """Give the headers of a request by this role, on the demonstration."""
    return functools.partial(headers_for, demonstration.setup)
