"""How long each step of a search takes, beside other ways to do it, on a made-up map and library of any size.

    python -m benchmarks.search_speed [--work FOLDER] [--neo4j] [--evidence]
                                      [--terms N --links N --articles N]

Without a size both of SIZES are measured, one after the other. Milliseconds (p50, p95) of linking, expansion,
retrieval, snippets and all together, by the clock and by the thread's own work, with the peak memory of a process that
only searches; the rivals of search_rivals.py on the same map and texts; and, over HTTP while CLIENTS search, how long
an edit of the library takes until a search finds it, and what a swap of the published map does to the answers.
``--work`` keeps what was made, a folder for each size; ``--evidence`` writes docs/evidence/search_speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import httpx2

from api.access import Caller
from api.indexing import make_index
from api.service import utc_now
from api.tokens import make_token
from benchmarks.made_up import made_up_articles, made_up_map, made_up_queries
from benchmarks.search_rivals import cypher, graphs, some_starts, texts
from benchmarks.search_steps import QUERIES, spread
from benchmarks.soak import ROOT, Measured, write
from kg_builder.projection import make_projection, published_projection
from search.library import Library
from strokemap.home import Home, open_home
from strokemap.keys import Keys
from strokemap.progress import silent

COMMAND = "python -m benchmarks.search_speed --neo4j --evidence"
CLIENTS, CHANGES = 4, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large map and library are."""

    terms: int
    links: int
    articles: int


SIZES = (Size(terms=5_000, links=300_000, articles=5_000), Size(terms=100_000, links=1_500_000, articles=100_000))
OTHER_MAP = Size(terms=1_000, links=10_000, articles=0)
"""What the published map is swapped with."""


def prepare(home: Home, size: Size) -> Measured:
    """Make the map, another one to swap it with, library and index, unless they are there; give what that took."""
    told = home.root / "took.json"
    if told.exists():
        return dict(json.loads(told.read_text()))
    took: Measured = {}
    for each in (OTHER_MAP, size):
        build = made_up_map(terms=each.terms, links=each.links)
        started = time.monotonic()
        make_projection(build, texts=(), folder=home.projections / build.digest)
        took["projection_seconds"] = round(time.monotonic() - started, 1)
        home.point("map", build.digest)
        del build
    names = list(published_projection(home).titles)
    Library.open(home.library).add(made_up_articles(size.articles, names=names))
    started = time.monotonic()
    make_index(home, progress=silent)
    took["index_seconds"] = round(time.monotonic() - started, 1)
    told.write_text(json.dumps(took))
    return took


@dataclass(slots=True)
class Load:
    """Clients that search over HTTP, one request after the other, until told to stop."""

    address: str
    headers: dict[str, str]
    queries: list[str]
    milliseconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        done = threading.Event()
        clients = [threading.Thread(target=self._search_on, args=(done, place)) for place in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            done.set()
            for client in clients:
                client.join()

    def _search_on(self, done: threading.Event, place: int) -> None:
        with httpx2.Client(base_url=self.address, headers=self.headers, timeout=60) as client:
            for text in cycle(self.queries[place::CLIENTS]):
                if done.is_set():
                    return
                started = time.perf_counter()
                answer = client.post("api/v1/search", json={"query": text})
                self.milliseconds.append((time.perf_counter() - started) * 1000)
                if answer.status_code != 200:
                    self.errors.append(answer.text)


def under_load(home: Home, keys: Keys) -> Measured:
    """Edit the library and swap the map while others search; each change must show in the next answer."""
    maps = [home.current("map") or "", *(folder.name for folder in home.projections.iterdir())]
    other = next(digest for digest in maps if digest != maps[0])
    headers = {role: _headers(home, keys, role) for role in ("curator", "clinician")}
    queries = made_up_queries(QUERIES, names=list(published_projection(home).titles))
    with (
        serving(home, keys) as address,
        httpx2.Client(base_url=address, headers=headers["clinician"], timeout=60) as client,
    ):
        load = Load(address, headers["clinician"], queries)

        def found(text: str) -> Measured:
            answer = client.post("api/v1/search", json={"query": text, "expand": False})
            answer.raise_for_status()
            return dict(answer.json())

        def edit(number: int) -> None:
            path, word = "api/v1/articles/lib:made-up-000007", f"zzedit{number}of{time.time_ns()}"
            body = {"field": "title", "value": f"Corrected {word}"}
            client.patch(path, json=body, headers=headers["curator"]).raise_for_status()
            assert [result["id"] for result in found(word)["results"]] == ["lib:made-up-000007"]  # type: ignore[attr-defined]

        def swap(number: int) -> None:
            digest = (other, maps[0])[number % 2]
            home.point("map", digest)
            assert found("stroke")["build"] == digest

        edit(-1)
        alone = _seconds(edit)
        with load.running():
            edits, swaps = _seconds(edit), _seconds(swap)
    return {
        "clients": CLIENTS,
        "searches": len(load.milliseconds),
        "errors": len(load.errors),
        "ms": spread(load.milliseconds),
        "edit_until_found_seconds_without_load": alone,
        "edit_until_found_seconds": edits,
        "swap_until_answered_seconds": swaps,
    }


def _seconds(change: Callable[[int], None]) -> dict[str, float]:
    taken = []
    for number in range(CHANGES):
        started = time.perf_counter()
        change(number)
        taken.append(time.perf_counter() - started)
    return {"p50": round(sorted(taken)[CHANGES // 2], 3), "max": round(max(taken), 3)}


def _headers(home: Home, keys: Keys, role: str) -> dict[str, str]:
    caller = Caller(role=role, subject="benchmark", institution="north")
    token = make_token(caller, key=keys.secret("token"), origin=home.origin, now=utc_now())
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def serving(home: Home, keys: Keys) -> Iterator[str]:
    """Serve a home in a process of its own; give the address."""
    words = [sys.executable, "-m", "api.cli.main", "--home", str(home.root), "serve", "--port", "0"]
    environment = os.environ | {"STROKEMAP_KEYS": str(keys.folder)}
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[2]
        finally:
            process.terminate()


def measure(work: Path, size: Size, *, neo4j: bool) -> Measured:
    """Measure everything at one size; the steps in a process that only searches."""
    # `serve` takes self-made keys for a demonstration only.
    home = open_home(work / "home", demonstration=True)
    report: Measured = {"terms": size.terms, "links": size.links, "articles": size.articles, "queries": QUERIES}
    report["made"] = prepare(home, size)
    words = [sys.executable, "-m", "benchmarks.search_steps", str(home.root)]
    report["strokemap"] = json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True, cwd=ROOT).stdout)
    report["under load"] = under_load(home, Keys(folder=work / "keys", origin=home.origin))
    projection = published_projection(home)
    starts = some_starts(size.terms)
    report["expansion"] = graphs(projection, starts)
    asked = made_up_queries(QUERIES, names=list(projection.titles))
    report["words"] = texts(Library.open(home.library), asked, folder=work)
    if neo4j:
        report["cypher"] = cypher(projection, starts, folder=work)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("terms", "links", "articles"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--neo4j", action="store_true")
    parser.add_argument("--evidence", action="store_true")
    given = parser.parse_args()
    sizes = (Size(terms=given.terms, links=given.links, articles=given.articles),) if given.terms else SIZES
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            work = (given.work or Path(folder)) / f"{size.terms}-{size.links}-{size.articles}"
            measured.append(measure(work, size, neo4j=given.neo4j))
            print(json.dumps(measured[-1], indent=1), flush=True)
    if given.evidence:
        write("search_speed", {"sizes": measured}, command=COMMAND)


if __name__ == "__main__":
    main()
