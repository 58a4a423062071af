"""The Neo4j map store's own promises: addresses, faults of a real server, what a broken write leaves."""

from __future__ import annotations

import json
import logging
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from kg_builder.build import digest_build
from kg_builder.decisions import apply_decisions
from kg_builder.model import Build, Decision, Digest, PageText
from kg_builder.stores import MapStore, bolt, neo4j_schema, neo4j_writing, open_map_store
from kg_builder.stores.base import KEPT
from kg_builder.stores.neo4j_address import parse_address
from kg_builder.stores.neo4j_rows import path_cypher
from strokemap.errors import (
    BuildUnknown,
    FormatUnknown,
    MapError,
    MapStoreDatabaseUnknown,
    MapStoreFailed,
    MapStoreRefused,
    MapStoreUnreachable,
    MapStoreUnsupported,
    StrokemapError,
)
from strokemap.progress import silent
from tests.servers.neo4j import PASSWORD, Neo4jProcess
from tests.servers.process import GIVEN_UP

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
A_DECISION = Decision(number=0, action="accept", term="Stroke", who="curator", why="because", at=NOON)
Texts = tuple[PageText, ...]
_T = TypeVar("_T")
server = pytest.mark.server
PATIENCE = 5.0
"""What a person waits for at most."""


@pytest.fixture
def store(neo4j_server: Neo4jProcess) -> Iterator[MapStore]:
    with closing(open_map_store(neo4j_server.url)) as store:
        yield store


@contextmanager
def refuses_in_time(kind: type[StrokemapError]) -> Iterator[list[StrokemapError]]:
    """Hold that an error of ours comes before a person gives up, and tells no secret."""
    caught: list[StrokemapError] = []
    started = time.monotonic()
    with pytest.raises(StrokemapError) as raised:
        yield caught
    assert time.monotonic() - started < GIVEN_UP
    caught.append(raised.value)
    assert type(raised.value) is kind, raised.value
    assert raised.value.hint
    assert PASSWORD not in f"{raised.value.document()}"
    assert "hunter2" not in f"{raised.value.document()}"


def large(build: Build, *, terms: int, links: int) -> Build:
    """Give a made-up build of that size."""
    some, link = build.terms[0], build.links[0]
    made_up = tuple(replace(some, title=f"Term {number:06}") for number in range(terms))
    pairs = ((number % terms, number // terms + 1) for number in range(links))
    linked = tuple(
        replace(link, a=f"Term {a:06}", b=f"Term {a + step:06}") for a, step in sorted(pairs) if a + step < terms
    )
    return replace(build, terms=made_up, links=linked, digest=Digest("e" * 64))


# --- addresses ---------------------------------------------------------------------------------------------------


def test_address_is_read_with_what_is_written_as_percent_signs() -> None:
    address = parse_address("neo4j+s://an%40a:p%2Fa%3As%40s@[::1]/records")
    assert (address.uri, address.user, address.password) == ("neo4j+s://[::1]:7687", "an@a", "p/a:s@s")
    assert address.database == "records"
    assert address.encrypted
    assert "p/a:s@s" not in repr(address)
    plain = parse_address("bolt://host:1234")
    assert (plain.uri, plain.user, plain.password, plain.database) == ("bolt://host:1234", "", "", None)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "neo4j://",
            "neo4j://:7687",
            "neo4j://u:hunter2@",
            "neo4j://u:hunter2@host:port",
            "neo4j://u:hunter2@h:99999",
        ),
        *("neo4j://u:hunter2/x@host", "neo4j://u:hunter2?x@host", "neo4j://u:hunter2#x@host", "neo4j://u@host"),
        *("neo4j://:hunter2@host", "neo4j://u:hunter2@host/a/b", "neo4j://u:hunter2@host/a b", "neo4j://[::1"),
        *("neo4j+x://u:hunter2@host", "NEO4J+S+S://u:hunter2@host", "neo4j://u:hunter2@host?policy=x"),
        *("neo4j://u:hunter2@host/%00", "neo4j://u:hunter2@host\n"),
    ],
)
def test_address_that_cannot_be_read_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(MapStoreUnsupported) as caught:
        open_map_store(url)
    assert caught.value.exit_status == 1
    assert "hunter2" not in f"{caught.value.document()}"


# --- servers that are not as they should be -----------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["neo4j", "bolt", "neo4j+s", "bolt+ssc"])
def test_closed_port_is_unreachable(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with refuses_in_time(MapStoreUnreachable) as caught:
        open_map_store(f"{scheme}://u:hunter2@127.0.0.1:{port}")
    assert caught[0].retryable
    assert caught[0].where == f"{scheme}://127.0.0.1:{port}"


@pytest.mark.parametrize("scheme", ["neo4j", "bolt", "bolt+s"])
def test_host_that_hangs_is_unreachable(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent_server:
        port = silent_server.getsockname()[1]
        with refuses_in_time(MapStoreUnreachable):
            open_map_store(f"{scheme}://u:hunter2@127.0.0.1:{port}")


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x00\x00\x00\x00", b"\xff" * 400])
def test_server_that_speaks_something_else_is_told(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def serve() -> None:
            while True:
                try:
                    connection, _ = other.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(100)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        started = time.monotonic()
        with pytest.raises((MapStoreUnreachable, MapStoreUnsupported)):
            open_map_store(f"bolt://u:hunter2@127.0.0.1:{other.getsockname()[1]}")
        assert time.monotonic() - started < GIVEN_UP
        other.shutdown(socket.SHUT_RDWR)
    thread.join()


@server
@pytest.mark.parametrize("scheme", ["neo4j+s", "bolt+ssc"])
def test_encryption_to_a_plain_port_is_told(neo4j_server: Neo4jProcess, scheme: str) -> None:
    with refuses_in_time(MapStoreUnreachable) as caught:
        open_map_store(neo4j_server.address(scheme=scheme))
    assert "+s" in caught[0].hint


@server
def test_wrong_password_is_refused_and_not_repeated(
    neo4j_server: Neo4jProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # Neo4j shuts a user out for some seconds after three wrong passwords: that is told the same way.
    for user in ("neo4j", *["stranger"] * 5):
        with refuses_in_time(MapStoreRefused) as caught:
            open_map_store(neo4j_server.address(user=user, password="hunter2"))
    assert not caught[0].retryable
    assert "hunter2" not in caplog.text


@server
def test_unknown_database_is_told_by_name(neo4j_server: Neo4jProcess) -> None:
    with refuses_in_time(MapStoreDatabaseUnknown) as caught:
        open_map_store(neo4j_server.address(database="elsewhere"))
    assert "elsewhere" in caught[0].message


@server
@pytest.mark.parametrize("scheme", ["neo4j", "bolt"])
def test_every_plain_scheme_and_the_database_by_name_open(neo4j_server: Neo4jProcess, scheme: str) -> None:
    with closing(open_map_store(neo4j_server.address(scheme=scheme, database="neo4j"))) as store:
        assert store.builds() == ()


@pytest.mark.parametrize("scheme", ["neo4j", "bolt", "neo4j+s"])
def test_command_says_it_in_three_lines_and_the_driver_says_nothing(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"{scheme}://u:hunter2@127.0.0.1:{free.getsockname()[1]}"
    words = [sys.executable, "-m", "api.cli.main", "builds", "list"]
    environment = os.environ | {"STROKEMAP_MAP_STORE": address}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "map.store.unreachable" in done.stderr
    assert len(done.stderr.splitlines()) <= 4
    assert not set(re.findall(r"Traceback|hunter2|WARNING|ERROR|routing", done.stderr))


# --- the database -------------------------------------------------------------------------------------------------


@server
def test_database_of_a_newer_format_is_refused_untouched(neo4j_server: Neo4jProcess, store: MapStore) -> None:
    neo4j_server.ask("MATCH (s:Strokemap) SET s.format = 99")
    try:
        with refuses_in_time(FormatUnknown):
            open_map_store(neo4j_server.url)
        assert neo4j_server.ask("MATCH (s:Strokemap) RETURN s.format") == [[99]]
    finally:
        neo4j_server.ask("MATCH (s:Strokemap) SET s.format = $format", format=len(neo4j_schema._STEPS))


@server
def test_database_of_somebody_else_is_refused_untouched(neo4j_server: Neo4jProcess) -> None:
    neo4j_server.ask("MATCH (n) DETACH DELETE n")
    neo4j_server.ask("CREATE (:Term {theirs: true})")
    with refuses_in_time(FormatUnknown):
        open_map_store(neo4j_server.url)
    assert neo4j_server.ask("MATCH (n) RETURN labels(n), n.theirs") == [[["Term"], True]]


@server
def test_new_database_opened_by_many_at_once_is_made_once(neo4j_server: Neo4jProcess) -> None:
    neo4j_server.ask("MATCH (n) DETACH DELETE n")
    for (name,) in neo4j_server.ask("SHOW CONSTRAINTS YIELD name"):
        neo4j_server.ask(f"DROP CONSTRAINT {name}")
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(open_map_store, [neo4j_server.url] * 6))
    assert [store.builds() for store in stores] == [()] * 6
    for store in stores:
        store.close()
    assert neo4j_server.ask("MATCH (s:Strokemap) RETURN s.format") == [[len(neo4j_schema._STEPS)]]
    assert neo4j_server.ask("SHOW CONSTRAINTS YIELD name RETURN count(*)") == [[9]]


@server
def test_step_that_fails_is_done_by_the_next_opening(
    neo4j_server: Neo4jProcess, store: MapStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = neo4j_schema._STEPS
    added = "CREATE INDEX strokemap_added IF NOT EXISTS FOR (d:Decision) ON (d.who)"
    monkeypatch.setattr(neo4j_schema, "_STEPS", (*done, (added, "NO CYPHER AT ALL")))
    with pytest.raises(MapError):
        open_map_store(neo4j_server.url)
    assert neo4j_server.ask("MATCH (s:Strokemap) RETURN s.format") == [[len(done)]]
    monkeypatch.setattr(neo4j_schema, "_STEPS", (*done, (added,)))
    open_map_store(neo4j_server.url).close()
    assert neo4j_server.ask("MATCH (s:Strokemap) RETURN s.format") == [[len(done) + 1]]
    neo4j_server.ask("DROP INDEX strokemap_added")
    neo4j_server.ask("MATCH (s:Strokemap) SET s.format = $format", format=len(done))


# --- what lies in it ----------------------------------------------------------------------------------------------


@server
def test_published_build_is_found_as_the_documentation_says(
    neo4j_server: Neo4jProcess, store: MapStore, tiny_build: Build, tiny_texts: Texts
) -> None:
    store.write(tiny_build, texts=tiny_texts, progress=silent)
    find = "MATCH (b:Build {digest: $d})<-[:PUBLISHED]-(t:Topic) RETURN t.name, b.terms, b.links"
    assert neo4j_server.ask(find, d=tiny_build.digest) == []
    store.publish(tiny_build.digest)
    assert neo4j_server.ask(find, d=tiny_build.digest) == [["stroke", 7, 7]]
    linked = "MATCH (a:Term {build: $d})-[l:LINKED]->(b:Term {build: $d}) WHERE a.id < b.id RETURN count(l)"
    assert neo4j_server.ask(linked, d=tiny_build.digest) == [[7]]
    assert neo4j_server.ask("MATCH ()-[l:LINKED]->() RETURN count(l)") == [[7]]


@server
def test_cypher_of_the_how_to_runs_as_it_stands(
    neo4j_server: Neo4jProcess, store: MapStore, tiny_build: Build, tiny_texts: Texts
) -> None:
    decisions = [store.decide(replace(A_DECISION, action="link", term="Aphasia", value="Zoster"))]
    curated = apply_decisions(tiny_build, decisions)
    store.write(curated, texts=tiny_texts, progress=silent)
    store.publish(curated.digest)
    page = Path(__file__).parents[2] / "docs" / "how-to-neo4j.md"
    queries = re.findall(r"^```cypher\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert len(queries) == 10
    for query in queries:
        assert neo4j_server.ask(query), query


@server
@pytest.mark.parametrize("title", ["Aphasia", "it's \\ \\' \\u0027 \" }) RETURN 1 // `$x` {y} ; \n \u2028 \U0001f600"])
def test_cypher_of_a_path_shows_it_as_it_is_pasted(
    neo4j_server: Neo4jProcess, store: MapStore, tiny_build: Build, title: str
) -> None:
    named = {"Aphasia": title}
    build = replace(
        tiny_build,
        terms=tuple(replace(term, title=named.get(term.title, term.title)) for term in tiny_build.terms),
        links=tuple(
            replace(link, a=named.get(link.a, link.a), b=named.get(link.b, link.b)) for link in tiny_build.links
        ),
    )
    store.write(build, texts=(), progress=silent)
    titles = store.path(build.digest, "Speech therapy", "Warfarin")
    assert len(titles) == 5
    assert title in titles
    shown = [path for (path,) in neo4j_server.ask(path_cypher(build.digest, pairwise(titles)))]
    assert [[one["title"] for one in path.nodes] for path in shown] == [list(pair) for pair in pairwise(titles)]
    assert all(path.relationships[0]["sentences"] for path in shown)
    assert path_cypher(build.digest, ()) == ""


@server
def test_old_builds_that_nobody_needs_go_with_all_their_parts(
    neo4j_server: Neo4jProcess, store: MapStore, tiny_build: Build, tiny_texts: Texts
) -> None:
    for number in range(KEPT + 2):
        store.write(replace(tiny_build, digest=Digest(f"{number:064}")), texts=tiny_texts, progress=silent)
    assert len(store.builds()) == KEPT
    assert neo4j_server.ask("MATCH (t:Term) RETURN count(t)") == [[KEPT * 7]]
    assert neo4j_server.ask("MATCH (x:Text) RETURN count(x)") == [[KEPT * 2]]
    assert neo4j_server.ask("MATCH ()-[l:LINKED]->() RETURN count(l)") == [[KEPT * 7]]
    assert neo4j_server.ask("MATCH (u:Unfinished) RETURN count(u)") == [[0]]


@server
def test_small_batches_and_pages_give_the_same_build(
    store: MapStore, tiny_build: Build, tiny_texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kg_builder.stores import neo4j as module

    monkeypatch.setattr(neo4j_writing, "BATCH_ROWS", 2)
    for name in ("PAGE", "LINKS_PAGE", "TEXTS_PAGE"):
        monkeypatch.setattr(module, name, 2)
    seen: list[int] = []
    store.write(tiny_build, texts=tiny_texts, progress=lambda _what, done, _total: seen.append(done))
    assert store.read(tiny_build.digest) == tiny_build
    assert [text.title for text in store.texts(tiny_build.digest)] == ["Aphasia", "Stroke"]
    assert seen == [2, 4, 6, 7, 9, 11, 13, 14, 14]


@server
def test_build_that_somebody_else_has_changed_is_told_and_never_read_as_a_map(
    neo4j_server: Neo4jProcess, store: MapStore, tiny_build: Build, tiny_texts: Texts
) -> None:
    store.write(tiny_build, texts=tiny_texts, progress=silent)
    neo4j_server.ask("MATCH (:Term {title: 'Aphasia'})-[l:LINKED]-(:Term {title: 'Stroke'}) DELETE l")
    with pytest.raises(MapError) as caught:
        store.read(tiny_build.digest)
    assert caught.value.code == "map.store.failed"


# --- writes that are cut off --------------------------------------------------------------------------------------


@server
def test_broken_write_of_another_build_is_cleared_away_once_it_is_old(
    neo4j_server: Neo4jProcess,
    store: MapStore,
    tiny_build: Build,
    tiny_texts: Texts,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cut_off() -> Iterator[PageText]:
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        store.write(tiny_build, texts=cut_off(), progress=silent)
    other = replace(tiny_build, digest=Digest("cd" * 32))
    store.write(other, texts=tiny_texts, progress=silent)
    assert neo4j_server.ask("MATCH (t:Term {build: $d}) RETURN count(t)", d=tiny_build.digest) == [[7]], "may go on"
    monkeypatch.setattr(neo4j_writing, "ABANDONED_MILLISECONDS", -1)
    third = replace(tiny_build, digest=Digest("ef" * 32))
    store.write(third, texts=tiny_texts, progress=silent)
    assert neo4j_server.ask("MATCH (t:Term {build: $d}) RETURN count(t)", d=tiny_build.digest) == [[0]]
    assert neo4j_server.ask("MATCH (u:Unfinished) RETURN count(u)") == [[0]]
    assert [build.digest for build in store.builds()] == [third.digest, other.digest]


@server
def test_second_writer_of_the_same_build_takes_over(store: MapStore, tiny_build: Build, tiny_texts: Texts) -> None:
    def interrupted() -> Iterator[PageText]:
        store.write(tiny_build, texts=tiny_texts, progress=silent)
        yield from tiny_texts

    with pytest.raises(MapStoreUnreachable) as caught:
        store.write(tiny_build, texts=interrupted(), progress=silent)
    assert caught.value.retryable
    assert store.read(tiny_build.digest) == tiny_build
    assert len(store.builds()) == 1


_KILLED_WHILE_WRITING = """
import os, pickle, signal, sys
from kg_builder.stores import neo4j_writing, open_map_store

neo4j_writing.BATCH_ROWS = 500
build, killed_after = pickle.load(open(sys.argv[2], "rb"))

def progress(what, done, total):
    if done >= killed_after:
        os.kill(os.getpid(), signal.SIGKILL)

open_map_store(sys.argv[1]).write(build, texts=(), progress=progress)
"""


@server
def test_process_killed_while_writing_leaves_nothing_to_be_seen(
    neo4j_server: Neo4jProcess, store: MapStore, tiny_build: Build, tmp_path: Path
) -> None:
    import pickle

    build = large(tiny_build, terms=1_100, links=1_500)
    for killed_after in (1_000, 2_100):
        (tmp_path / "build").write_bytes(pickle.dumps((build, killed_after)))
        words = [sys.executable, "-c", _KILLED_WHILE_WRITING, neo4j_server.url, str(tmp_path / "build")]
        killed = subprocess.run(words, check=False, env=os.environ | {"PYTHONPATH": os.getcwd()})
        assert killed.returncode == -signal.SIGKILL
        assert store.builds() == ()
        with pytest.raises(BuildUnknown):
            store.read(build.digest)
    store.write(build, texts=(), progress=silent)
    assert store.read(build.digest) == build
    counted = "MATCH (t:Term) WITH count(t) AS terms MATCH ()-[l:LINKED]->() RETURN terms, count(l)"
    assert neo4j_server.ask(counted) == [[len(build.terms), len(build.links)]]


@server
def test_server_killed_in_the_middle_of_a_write_has_the_build_after_a_second_try(
    neo4j_server: Neo4jProcess, store: MapStore, tiny_build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_writing, "BATCH_ROWS", 500)
    build = large(tiny_build, terms=1_100, links=1_500)

    def kill(_what: str, done: int, _total: int | None) -> None:
        if done > len(build.terms):
            neo4j_server.kill()

    try:
        with refuses_after_progress(MapStoreUnreachable) as caught:
            store.write(build, texts=(), progress=kill)
        assert caught[0].retryable
        with refuses_in_time(MapStoreUnreachable):
            store.builds()
    finally:
        neo4j_server.start()
    assert patiently(store.builds) == (), "the same store, once the server is back"
    store.write(build, texts=(), progress=silent)
    assert store.read(build.digest) == build


def patiently(call: Callable[[], _T]) -> _T:
    """Try again as the error says one may: a server that has just started plans its first queries slowly."""
    for _ in range(20):
        with suppress(MapStoreUnreachable):
            return call()
    return call()


@contextmanager
def refuses_after_progress(kind: type[MapError]) -> Iterator[list[MapError]]:
    """Hold that an error of ours comes; how long the good part before it takes is no matter."""
    caught: list[MapError] = []
    with pytest.raises(kind) as raised:
        yield caught
    caught.append(raised.value)


@server
def test_frozen_server_is_unreachable_in_time_for_whoever_waits(
    neo4j_server: Neo4jProcess, store: MapStore, tiny_build: Build, tiny_texts: Texts
) -> None:
    store.write(tiny_build, texts=tiny_texts, progress=silent)
    calls: list[Callable[[], object]] = [
        store.builds,
        lambda: store.term(tiny_build.digest, "Stroke"),
        lambda: store.read(tiny_build.digest),
        lambda: store.decide(A_DECISION),
        lambda: open_map_store(neo4j_server.url),
    ]
    with neo4j_server.frozen():
        with refuses_in_time(MapStoreUnreachable) as caught, ThreadPoolExecutor(len(calls)) as pool:
            asked = [pool.submit(call) for call in calls]
            assert [type(one.exception()) for one in asked] == [MapStoreUnreachable] * len(calls)
            asked[0].result()
        assert caught[0].retryable
    assert store.read(tiny_build.digest) == tiny_build
    assert store.decide(A_DECISION).number == len(store.decisions())


@server
def test_server_frozen_in_the_middle_of_a_write_has_the_build_after_a_second_try(
    neo4j_server: Neo4jProcess, store: MapStore, tiny_build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neo4j_writing, "BATCH_SECONDS", 2.0)
    monkeypatch.setattr(neo4j_writing, "BATCH_ROWS", 500)
    build = large(tiny_build, terms=1_100, links=1_500)

    def freeze(_what: str, done: int, _total: int | None) -> None:
        if done > len(build.terms):
            neo4j_server.freeze()

    try:
        with refuses_after_progress(MapStoreUnreachable):
            store.write(build, texts=(), progress=freeze)
    finally:
        neo4j_server.thaw()
    monkeypatch.setattr(neo4j_writing, "BATCH_SECONDS", 30.0)
    store.write(build, texts=(), progress=silent)
    assert store.read(build.digest) == build


@server
def test_server_that_cannot_write_to_its_disk_has_the_build_after_a_repair(
    neo4j_server: Neo4jProcess, store: MapStore, tiny_build: Build, tiny_texts: Texts
) -> None:
    """A limit of the system on the size of files does to the server what a read-only or full disk does."""
    _, hard = resource.prlimit(neo4j_server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(neo4j_server.pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        with refuses_in_time(MapStoreFailed) as caught:
            store.write(tiny_build, texts=tiny_texts, progress=silent)
        assert "disk" in caught[0].hint
        with refuses_in_time(MapStoreFailed):
            store.decide(A_DECISION)
    finally:
        neo4j_server.kill()
        neo4j_server.start()
    assert patiently(store.builds) == ()
    store.write(tiny_build, texts=tiny_texts, progress=silent)
    assert patiently(lambda: store.read(tiny_build.digest)) == tiny_build
    assert patiently(store.decisions) == ()


@server
@pytest.mark.data
def test_build_of_real_pages_is_the_same_from_both_stores(
    neo4j_server: Neo4jProcess, store: MapStore, test_data: Path, tmp_path: Path
) -> None:
    wiki = test_data / "wiki"
    words = [sys.executable, "-m", "api.cli.main", "crawl", "--json"]
    words += ["--topic", str(wiki / "topic-eval.toml"), "--source", str(wiki / "wiki-small.xml.bz2")]
    made = {}
    for name, url in (("sqlite", f"sqlite:///{tmp_path}/map.db"), ("neo4j", neo4j_server.url)):
        more = {"STROKEMAP_MAP_STORE": url, "STROKEMAP_HOME": str(tmp_path / name)}
        done = subprocess.run(words, env=os.environ | more, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        made[name] = json.loads(done.stdout)
    digest = made["neo4j"]["digest"]
    assert digest == made["sqlite"]["digest"]
    with closing(open_map_store(f"sqlite:///{tmp_path}/map.db")) as embedded:
        build, texts = embedded.read(digest), list(embedded.texts(digest))
    found = store.read(digest)
    assert replace(found, made=build.made) == build
    assert digest_build(found.topic, found.terms, found.links) == digest
    assert list(store.texts(digest)) == texts
    assert len(found.terms) > 20
    store.publish(digest)
    find = "MATCH (b:Build {digest: $d})<-[:PUBLISHED]-(:Topic) RETURN b.terms, b.links"
    assert neo4j_server.ask(find, d=digest) == [[len(build.terms), len(build.links)]]


@server
def test_deadlines_leave_no_thread_and_no_connection(neo4j_server: Neo4jProcess) -> None:
    before = threading.active_count()
    for _ in range(3):
        open_map_store(neo4j_server.url).close()
    assert threading.active_count() == before
    assert bolt.WAIT_SECONDS < PATIENCE
