"""How long each step of a search takes, beside other ways to do it, on a made-up map and library of any size.

    python -m benchmarks.search_speed [--work FOLDER] [--neo4j] [--evidence]
                                      [--terms N --links N --articles N]

Without a size both of SIZES are measured, one after the other. Milliseconds (p50, p95) of linking, expansion,
retrieval, snippets and all together, by the clock and by the thread's own work, with the peak memory of a process that
only searches; the rivals of search_rivals.py on the same map and texts; and, over HTTP while CLIENTS search, how long
an edit of the library takes until a search finds it, and what publishing another map does to the answers. Then, where
STROKEMAP_TEST_DATA names the data, commands from start to end. search_goals.py says what the issue asked for.
``--work`` keeps what was made, a folder for each size; ``--evidence`` writes docs/evidence/search_speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
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
from benchmarks.evidence import ROOT, Measured, write
from benchmarks.made_up import made_up_articles, made_up_map, made_up_queries
from benchmarks.projection import time_making
from benchmarks.search_commands import measure_commands
from benchmarks.search_goals import ratios, reached
from benchmarks.search_rivals import cypher, graphs, some_starts, texts
from benchmarks.search_steps import QUERIES, spread
from kg_builder.projection import published_projection
from search.index import link_file
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
OTHER_MAP = Size(terms=500, links=5_000, articles=0)
"""What the published map is swapped with."""


def prepare(home: Home, size: Size) -> Measured:
    """Make the map, another one to swap it with, library and index, unless they are there; give what that took.

    Published are the map and its index in the end, whatever a run that was killed had published.
    """
    told = home.root / "took.json"
    took: Measured = json.loads(told.read_text()) if told.exists() else {}
    for name, each in (("other projection", OTHER_MAP), ("projection", size)):
        if name not in took:
            build = made_up_map(terms=each.terms, links=each.links)
            took[name] = {"build": build.digest} | time_making(build, home.projections / build.digest)
            told.write_text(json.dumps(took))
            del build
    home.point("map", took["projection"]["build"])  # type: ignore[index]
    if "index" not in took:
        names = list(published_projection(home).titles)
        Library.open(home.library).add(made_up_articles(size.articles, names=names))
        started = time.monotonic()
        digest = make_index(home, progress=silent).digest
        took["index"] = {"digest": digest, "make_seconds": round(time.monotonic() - started, 1)}
        told.write_text(json.dumps(took))
    home.point("index", took["index"]["digest"])  # type: ignore[index]
    # What an earlier run edited is indexed by itself.
    make_index(home, progress=silent)
    return took


@dataclass(slots=True)
class Load:
    """Clients that search over HTTP, one request after the other, until told to stop."""

    address: str
    headers: dict[str, str]
    queries: list[str]
    milliseconds: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

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
                try:
                    client.post("api/v1/search", json={"query": text}).raise_for_status()
                except httpx2.HTTPError as error:
                    self.errors[f"{type(error).__name__}: {error}".splitlines()[0]] += 1
                else:
                    self.milliseconds.append((time.perf_counter() - started) * 1000)


def under_load(home: Home, keys: Keys) -> Measured:
    """Edit the library and publish another map while others search; each change must show in the next answer.

    Both pointers move as when a build is published. The other map's index has the same articles, under another name.
    """
    other = next(folder.name for folder in home.projections.iterdir() if folder.name != home.current("map"))
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
            published = sides[number % 2]
            home.point("map", published[0])
            home.point("index", published[1])
            answer = found("stroke")
            assert (answer["build"], answer["index"]) == published

        edit(-1)
        alone = _seconds(edit)
        with load.running():
            edits = _seconds(edit)
            own = home.current("map") or "", home.current("index") or ""
            sides = ((other, _twin(home.index / own[1])), own)
            swaps = _seconds(swap)
    return {
        "clients": CLIENTS,
        "searches": len(load.milliseconds),
        "errors": load.errors,
        "ms": spread(load.milliseconds),
        "edit_until_found_seconds_without_load": alone,
        "edit_until_found_seconds": edits,
        "swap_until_answered_seconds": swaps,
    }


def _twin(folder: Path) -> str:
    twin = folder.with_name(folder.name[::-1])
    shutil.copytree(folder, twin, copy_function=lambda file, target: link_file(Path(file), Path(target)))
    return twin.name


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
    report["times_as_long"] = ratios(report)
    report["goals"] = reached(report)
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
    measured: list[Measured] = []
    commands: Measured = {}
    data = os.environ.get("STROKEMAP_TEST_DATA")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            work = (given.work or Path(folder)) / f"{size.terms}-{size.links}-{size.articles}"
            measured.append(measure(work, size, neo4j=given.neo4j))
            print(json.dumps(measured[-1], indent=1), flush=True)
        if data:
            commands = {"commands": measure_commands(given.work or Path(folder), Path(data))}
            commands |= {"goals": reached(commands)}
            print(json.dumps(commands, indent=1))
    if given.evidence:
        write("search_speed", {"sizes": measured, **commands}, command=COMMAND)


if __name__ == "__main__":
    main()
