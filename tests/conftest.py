"""Fixtures for all tests: a clean environment, a fresh home, the outside data where they are."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from strokemap.home import Home, open_home
from strokemap.keys import Keys

if TYPE_CHECKING:
    from tests.servers.hiveserver2 import HiveServer
    from tests.servers.mediawiki import Wikis
    from tests.servers.neo4j import Neo4jProcess

_DATA = os.environ.get("STROKEMAP_TEST_DATA", "")
_DESELECTED = pytest.StashKey[int]()


def pytest_configure() -> None:
    """Let what the tests start hear Ctrl-C: a shell makes what it runs in the background deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Let one worker run all tests on one server, so that it is started once, and else all tests of one file."""
    from xdist.scheduler import LoadScopeScheduling

    class ByServer(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return ByServer(config, log)


def group_of(nodeid: str) -> str:
    """Name the group of a test: its server, or its file."""
    file, _, name = nodeid.partition("::")
    if re.search(r"[\[-]spark[]-]", name):
        return "spark"
    if any(server in f"{Path(file).name} {name}" for server in ("hive", "stores_away", "exactly_once")):
        return "hive"  # with a Neo4j of its own for the one that needs both
    if "neo4j" in f"{Path(file).name} {name}":
        return "neo4j"
    return file


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest; leave out what needs outside data when nobody said where they are."""
    items.sort(key=lambda item: (item.get_closest_marker("server") is None, item.get_closest_marker("data") is None))
    if _DATA:
        return
    needing = [item for item in items if item.get_closest_marker("data")]
    config.stash[_DESELECTED] = len(needing)
    if needing:
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if not item.get_closest_marker("data")]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a worker tell how many tests were left out."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left out"] = session.config.stash.get(_DESELECTED, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a worker's word for it; all of them see the same tests."""
    node.config.stash[_DESELECTED] = getattr(node, "workeroutput", {}).get("left out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many tests were left out, and how to run them."""
    if count := config.stash.get(_DESELECTED, 0):
        terminalreporter.write_line(
            f"{count} tests on outside data were left out: set STROKEMAP_TEST_DATA to their folder (docs/data.md)."
        )


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the person's own settings, home and keys out of the tests."""
    for name in list(os.environ):
        if name.startswith("STROKEMAP_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("STROKEMAP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STROKEMAP_KEYS", str(tmp_path / "keys"))


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of the outside data; only for tests marked `data`."""
    folder = Path(_DATA).absolute()
    assert folder.is_dir(), f"STROKEMAP_TEST_DATA names no folder: {folder}"
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new, empty home."""
    return open_home(tmp_path / "home", origin="test.example/ledger")


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    """A new, empty keys folder."""
    return Keys(folder=tmp_path / "keys", origin="test.example/ledger")


@pytest.fixture(scope="session")
def neo4j_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jProcess]:
    """A real Neo4j server, started when the first test asks for it; only for tests marked `server`."""
    from tests.servers.neo4j import Neo4jProcess

    with Neo4jProcess(tmp_path_factory.mktemp("servers") / "neo4j").running() as process:
        yield process


@pytest.fixture
def neo4j_server(neo4j_process: Neo4jProcess) -> Neo4jProcess:
    """The server with a database as new: nothing of another test is in it."""
    neo4j_process.empty()
    return neo4j_process


@pytest.fixture(scope="session")
def hive_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HiveServer]:
    """A real Apache HiveServer2, started when the first test asks for it; only for tests marked `server`."""
    from tests.servers.hive import hive_in

    with hive_in(tmp_path_factory.mktemp("servers") / "hive").running() as server:
        yield server


@pytest.fixture(scope="session")
def spark_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HiveServer]:
    """A real Spark Thrift Server; only for tests marked `server`."""
    from tests.servers.spark import spark_in

    with spark_in(tmp_path_factory.mktemp("servers") / "spark").running() as server:
        yield server


@pytest.fixture(scope="session")
def wikis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wikis]:
    """Real MediaWikis: ``wikis.serve(export)`` gives an address; only for tests marked `server`."""
    from tests.servers.mediawiki import Wikis

    with Wikis(tmp_path_factory.mktemp("wikis")) as wikis:
        yield wikis
