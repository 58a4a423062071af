"""A crawl over the API of a real MediaWiki: few requests, and the build of its export, whatever happens on the way."""

from __future__ import annotations

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from api.curating import Bench
from api.growing import Crawl, grow
from kg_builder.digest import digest_build
from kg_builder.model import Digest
from kg_builder.sources.wire import Wire
from kg_builder.stores import open_map_store
from strokemap.home import open_home
from strokemap.progress import silent
from strokemap.topic import load_topic
from tests.servers.fault_proxy import FAULTS, FaultProxy
from tests.servers.mediawiki import Wikis

if TYPE_CHECKING:
    from tests.servers.neo4j import Neo4jProcess

pytestmark = [pytest.mark.server, pytest.mark.data]

CONTACT = "tests@strokemap.example"
Start = Callable[..., "subprocess.Popen[str]"]
Run = Callable[..., dict[str, object]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crawls")


@pytest.fixture(scope="module")
def start(folder: Path) -> Start:
    """Start a crawl as a process of its own, each on a home of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STROKEMAP_")}

    def run(source: object, *options: object, home: str, map_store: str = "") -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "api.cli.main", "--home", str(folder / home), "crawl", "--topic", "stroke"]
        kept = environment | {"STROKEMAP_KEYS": str(folder / "keys"), "STROKEMAP_CONTACT": CONTACT}
        kept["STROKEMAP_MAP_STORE"] = map_store
        return subprocess.Popen(
            [*words, "--json", "--source", str(source), *map(str, options)],
            env=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def crawl(start: Start) -> Run:
    """Crawl to the end and give what the command prints."""

    def run(source: object, *options: object, home: str, map_store: str = "") -> dict[str, object]:
        process = start(source, *options, home=home, map_store=map_store)
        out, err = process.communicate()
        assert process.returncode == 0, err
        return json.loads(out)

    return run


@pytest.fixture(scope="module")
def export(test_data: Path) -> Path:
    return test_data / "wiki" / "wiki-small.xml.bz2"


@pytest.fixture(scope="module")
def wiki(wikis: Wikis, export: Path) -> str:
    return wikis.serve(export)


@pytest.fixture(scope="module")
def from_export(crawl: Run, export: Path) -> dict[str, object]:
    return crawl(export, home="export")


def test_crawl_over_the_api_gives_the_build_of_the_export_with_few_requests_one_at_a_time(
    crawl: Run, wiki: str, from_export: dict[str, object]
) -> None:
    with FaultProxy(behind=wiki) as proxy:
        found = crawl(proxy.address, home="api")
    assert found["digest"] == from_export["digest"]
    assert found["failed"] == from_export["failed"]
    assert found["requests"] == len(proxy.seen)
    assert len(proxy.seen) <= 1.1 * math.ceil(int(str(found["pages"])) / 50) + 10
    assert proxy.most_at_once == 1
    assert {one.method for one in proxy.seen} == {"GET"}
    assert all(CONTACT in one.headers["User-Agent"] and "maxlag=5" in one.path for one in proxy.seen)
    asked = [len(parse_qs(urlsplit(one.path).query).get("titles", [""])[0].split("|")) for one in proxy.seen]
    assert max(asked) == 50
    begun = [one.at for one in proxy.seen]
    assert all(later - earlier > 0.99 for earlier, later in zip(begun, begun[4:], strict=False)), "under 5 a second"


def test_crawl_over_the_api_into_neo4j_gives_the_same_build_which_cypher_finds(
    crawl: Run, wiki: str, from_export: dict[str, object], neo4j_server: Neo4jProcess
) -> None:
    found = crawl(wiki, "--publish", home="into neo4j", map_store=neo4j_server.url)
    assert found["digest"] == from_export["digest"]
    text = "MATCH (b:Build {digest: $d})<-[:PUBLISHED]-(t:Topic) RETURN t.name, b.terms, b.links"
    assert neo4j_server.ask(text, d=found["digest"]) == [["stroke", found["terms"], found["links"]]]
    store = open_map_store(neo4j_server.url)
    kept = store.read(Digest(str(found["digest"])))
    store.close()
    assert digest_build(kept.topic, kept.terms, kept.links) == from_export["digest"]


@pytest.mark.parametrize("seed", [1, 2])
def test_crawl_through_faults_gives_the_same_build(
    crawl: Run, wiki: str, from_export: dict[str, object], seed: int
) -> None:
    with FaultProxy(behind=wiki, share=0.4, seed=seed) as proxy:
        found = crawl(proxy.address, home=f"faults {seed}")
    assert found["digest"] == from_export["digest"]
    assert found["requests"] == len(proxy.seen)
    assert len({one.fault for one in proxy.seen}) > 3


def test_crawl_through_each_fault_alone_and_twice_in_a_row_gives_the_same_build(
    crawl: Run, wiki: str, from_export: dict[str, object]
) -> None:
    script = [step for fault in FAULTS[:5] for step in (fault, "", fault, fault)]
    script += [step for fault in FAULTS[5:] for step in (fault, fault, "")]
    with FaultProxy(behind=wiki, script=script) as proxy:
        found = crawl(proxy.address, home="each fault")
    assert found["digest"] == from_export["digest"]
    assert {one.fault for one in proxy.seen} == {"", *FAULTS}


def test_answers_slower_than_the_time_limit_and_a_wiki_that_asks_for_a_second_give_the_same_build(
    wiki: str, from_export: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Wire.__init__.__kwdefaults__, "timeouts", (5.0, 4.0))
    script = ["", "", "slow", "", "503", "429", "", "maxlag"]
    with FaultProxy(behind=wiki, script=script, slow=6.0, retry_after="1") as proxy:
        bench = Bench(home=open_home(tmp_path / "home"), store_url=f"sqlite:///{tmp_path}/map.db")
        asked = Crawl(topic=load_topic("stroke"), source=proxy.address, contact=CONTACT)
        grown = grow(asked, bench=bench, now=datetime.now(UTC), progress=silent)
    assert grown.digest == from_export["digest"]
    assert [one.fault for one in proxy.seen][: len(script)] == script
    waits = [(one.fault, later.at - one.at) for one, later in pairwise(proxy.seen)]
    assert all(wait > 0.99 for fault, wait in waits if fault in ("503", "429", "maxlag"))


def test_crawl_under_lag_in_a_third_of_the_requests_gives_the_same_build(
    crawl: Run, wiki: str, from_export: dict[str, object]
) -> None:
    with FaultProxy(behind=wiki, share=0.3, faults=("maxlag",), seed=3) as proxy:
        found = crawl(proxy.address, home="lag")
    assert found["digest"] == from_export["digest"]
    assert any(one.fault for one in proxy.seen)


def test_crawl_over_the_api_killed_three_times_and_resumed_gives_the_same_build(
    start: Start, crawl: Run, wiki: str, from_export: dict[str, object], folder: Path
) -> None:
    with FaultProxy(behind=wiki, delay=1) as proxy:
        seen = 0
        for _ in range(3):
            process = start(proxy.address, "--resume", home="killed")
            deadline = time.monotonic() + 60
            while process.poll() is None and pages_kept(folder / "killed") <= seen and time.monotonic() < deadline:
                time.sleep(0.02)  # waiting for another process, not for a clock
            assert process.poll() is None, "it ended before it could be killed"
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert pages_kept(folder / "killed") > seen
            seen = pages_kept(folder / "killed")
        before = len(proxy.seen)
        proxy.delay = 0
        found = crawl(proxy.address, "--resume", home="killed")
    assert found["digest"] == from_export["digest"]
    assert len(proxy.seen) - before < before + 13, "what was read is not asked for again"


def test_wiki_that_is_overloaded_for_good_ends_in_an_error_and_the_crawl_goes_on_later(
    start: Start, crawl: Run, wiki: str, from_export: dict[str, object]
) -> None:
    with FaultProxy(behind=wiki, script=["", "", ""], share=1.0, faults=("503",)) as proxy:
        process = start(proxy.address, home="gone")
        out, err = process.communicate()
        assert process.returncode == 1, err
        error = json.loads(out)["error"]
        assert (error["code"], error["retryable"]) == ("map.source.unreachable", True)
        assert "Traceback" not in err
        proxy.share = 0
        found = crawl(proxy.address, "--resume", home="gone")
    assert found["digest"] == from_export["digest"]


def pages_kept(home: Path) -> int:
    """Count the pages in the crawl's checkpoint."""
    (*files,) = (home / "work" / "crawl").glob("*/frontier.sqlite")
    if not files:
        return 0
    try:
        with sqlite3.connect(f"file:{files[0]}?mode=ro", uri=True) as frontier:
            return int(frontier.execute("SELECT count(*) FROM pages").fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # not made yet
