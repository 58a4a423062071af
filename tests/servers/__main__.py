"""Starts the servers for a person, says how to use them, and stops them on Ctrl-C: ``make servers``."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypeVar

from tests.servers.hive import hive_in
from tests.servers.mediawiki import Wikis
from tests.servers.neo4j import Neo4jProcess
from tests.servers.process import ServerProcess
from tests.servers.spark import spark_in

PAGES = Path(__file__).parents[2] / "api" / "demonstration" / "pages.xml"
Started = TypeVar("Started", bound=ServerProcess)


def main() -> None:
    """Run the four servers until this process is interrupted or ended."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        try:
            _start(Path(folder), stack)
            _say("Ctrl-C stops them and forgets what they hold.")
            signal.pause()
        finally:
            # Whoever is impatient must not interrupt the ending.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _start(folder: Path, stack: ExitStack) -> None:
    wikis = stack.enter_context(Wikis(folder / "wikis"))
    wiki = _show(lambda: wikis.server(PAGES))
    _say("  the pages of the demonstration; to crawl them:")
    _say(f"  STROKEMAP_CONTACT=you@example.org strokemap crawl --topic stroke --source {wiki.url}")
    neo4j = Neo4jProcess(folder / "neo4j")
    _show(lambda: stack.enter_context(neo4j.running()))
    _say(f"  STROKEMAP_MAP_STORE={neo4j.url}")
    for server in (hive_in(folder / "hive"), spark_in(folder / "spark")):
        _show(lambda server=server: stack.enter_context(server.running()))
        _say(f"  STROKEMAP_HISTORY_STORE='{server.url()}'")


def _show(start: Callable[[], Started]) -> Started:
    begun = time.monotonic()
    server = start()
    seconds = time.monotonic() - begun
    _say(f"{server.name}, process {server.pid}: ready after {seconds:.1f} s, {server.memory_mb} MB in memory")
    return server


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
