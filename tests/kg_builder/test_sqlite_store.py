"""The embedded map store's own promises: its file, its format, and what happens when either is not as it should be."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kg_builder.model import Build, PageText
from kg_builder.stores import open_map_store
from kg_builder.stores import sqlite as module
from kg_builder.stores.base import KEPT
from kg_builder.stores.sqlite import SqliteMapStore
from strokemap.errors import FormatUnknown, MapStoreUnreachable, MapStoreUnsupported
from strokemap.progress import silent

Texts = tuple[PageText, ...]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "map.db"


@pytest.fixture
def store(path: Path) -> SqliteMapStore:
    return SqliteMapStore(path)


def ask(path: Path, query: str) -> object:
    db = sqlite3.connect(path)
    try:
        return db.execute(query).fetchone()[0]
    finally:
        db.close()


@pytest.mark.parametrize(
    "url", ["mysql://h", "sqlite://", "sqlite:///", "sqlite://relative.db", "sqlite", "", "/a/b.db"]
)
def test_url_of_another_store_is_not_supported(url: str) -> None:
    with pytest.raises(MapStoreUnsupported) as caught:
        open_map_store(url)
    assert caught.value.exit_status == 1


@pytest.mark.parametrize("slashes", ["sqlite://", "sqlite:///"])
def test_absolute_path_may_have_three_or_four_slashes(slashes: str, path: Path) -> None:
    open_map_store(f"{slashes}{path}")
    assert path.exists()


def test_new_file_says_whose_it_is_and_keeps_a_log(store: SqliteMapStore, path: Path) -> None:
    assert store.builds() == ()
    assert ask(path, "PRAGMA application_id") == module.APPLICATION
    assert ask(path, "PRAGMA user_version") == len(module._STEPS)
    assert ask(path, "PRAGMA journal_mode") == "wal"


def test_file_of_a_newer_format_is_refused_untouched(store: SqliteMapStore, path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(FormatUnknown):
        SqliteMapStore(path)
    assert ask(path, "PRAGMA user_version") == 99


def test_database_of_somebody_else_is_refused_untouched(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    with pytest.raises(FormatUnknown):
        SqliteMapStore(path)
    assert ask(path, "SELECT group_concat(name) FROM sqlite_master") == "theirs"


def test_step_that_fails_leaves_the_format_before_it(
    store: SqliteMapStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = len(module._STEPS)
    monkeypatch.setattr(module, "_STEPS", (*module._STEPS, ("CREATE TABLE added (x)", "NO SQL AT ALL")))
    with pytest.raises(MapStoreUnreachable):
        SqliteMapStore(path)
    assert ask(path, "PRAGMA user_version") == done
    assert ask(path, "SELECT count(*) FROM sqlite_master WHERE name = 'added'") == 0
    monkeypatch.setattr(module, "_STEPS", (*module._STEPS[:done], ("CREATE TABLE added (x)",)))
    SqliteMapStore(path)
    assert ask(path, "PRAGMA user_version") == done + 1


def test_file_that_is_no_database_is_unreachable_with_a_hint(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"This is no database. " * 100)
    with pytest.raises(MapStoreUnreachable) as caught:
        SqliteMapStore(path)
    assert caught.value.where == str(path)
    assert "restore" in caught.value.hint


def test_folder_that_cannot_be_made_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file" / "map.db", tmp_path):
        with pytest.raises(MapStoreUnreachable):
            SqliteMapStore(path)


def test_damage_inside_the_file_is_told_and_never_read_as_a_map(
    store: SqliteMapStore, path: Path, tiny_build: Build, tiny_texts: Texts
) -> None:
    store.write(tiny_build, texts=tiny_texts, progress=silent)
    data = bytearray(path.read_bytes())
    data[4096:] = b"\x00" * (len(data) - 4096)
    path.write_bytes(bytes(data))
    with pytest.raises(MapStoreUnreachable):
        store.read(tiny_build.digest)


def test_writer_that_holds_the_file_too_long_makes_others_try_again(
    store: SqliteMapStore, path: Path, tiny_build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.01)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(MapStoreUnreachable) as caught:
        store.write(tiny_build, texts=(), progress=silent)
    assert caught.value.retryable
    assert store.builds() == (), "readers do not wait"
    holder.close()
    store.write(tiny_build, texts=(), progress=silent)
    assert store.read(tiny_build.digest) == tiny_build


def test_build_stored_before_titles_were_passed_over_is_read(
    store: SqliteMapStore, path: Path, tiny_build: Build, tiny_texts: tuple[PageText, ...]
) -> None:
    store.write(tiny_build, texts=tiny_texts, progress=silent)
    with sqlite3.connect(path) as db:
        (made,) = db.execute("SELECT made FROM builds").fetchone()
        db.execute("UPDATE builds SET made = ?", (json.dumps(json.loads(made)[:-1]),))
    db.close()
    assert store.read(tiny_build.digest) == tiny_build
    assert [build.made for build in store.builds()] == [tiny_build.made]


def test_old_builds_that_nobody_needs_go_with_all_their_rows(
    store: SqliteMapStore, path: Path, tiny_build: Build, tiny_texts: Texts
) -> None:
    from dataclasses import replace

    for number in range(KEPT + 2):
        build = replace(tiny_build, digest=type(tiny_build.digest)(f"{number:064}"))
        store.write(build, texts=tiny_texts, progress=silent)
    assert len(store.builds()) == KEPT
    assert ask(path, "SELECT count(*) FROM terms") == KEPT * len(tiny_build.terms)
    assert ask(path, "SELECT count(*) FROM links") == KEPT * len(tiny_build.links)
    assert ask(path, "SELECT count(*) FROM texts") == KEPT * 2


_KILLED_WHILE_WRITING = """
import os, signal, sys
from pathlib import Path
from datetime import UTC, datetime
from kg_builder.model import Build, Digest, Made, Term
from kg_builder.stores.sqlite import SqliteMapStore
from strokemap.topic import Topic

def texts():
    os.kill(os.getpid(), signal.SIGKILL)
    yield

made = Made(source="x", judge="j", pages=1, requests=1, at=datetime(2026, 11, 1, tzinfo=UTC))
term = dict(path_length=0, relevance=1.0, content_hash=Digest("c" * 64))
build = Build(digest=Digest("d" * 64), topic=Topic(name="stroke", starting_terms=("A",), path_length=1),
              terms=tuple(Term(title=f"Term {n:05}", **term) for n in range(5000)), links=(), made=made)
SqliteMapStore(Path(sys.argv[1])).write(build, texts=texts(), progress=lambda *_: None)
"""


def test_process_killed_while_writing_leaves_nothing_of_the_build(
    store: SqliteMapStore, path: Path, tiny_build: Build, tiny_texts: Texts
) -> None:
    store.write(tiny_build, texts=tiny_texts, progress=silent)
    killed = subprocess.run([sys.executable, "-c", _KILLED_WHILE_WRITING, path], check=False)
    assert killed.returncode == -signal.SIGKILL
    again = SqliteMapStore(path)
    assert [build.digest for build in again.builds()] == [tiny_build.digest]
    assert again.read(tiny_build.digest) == tiny_build
    assert ask(path, "SELECT count(*) FROM terms") == len(tiny_build.terms)


@pytest.mark.parametrize("query", [module._LINKS_OF, module._NEIGHBOURS])
def test_links_of_a_term_are_found_by_an_index_however_large_the_map(
    store: SqliteMapStore, path: Path, query: str
) -> None:
    db = sqlite3.connect(path)
    steps = db.execute(f"EXPLAIN QUERY PLAN {query}", {"build": 1, "term": 1, "circle": "[1]"}).fetchall()
    db.close()
    used = [step for *_, step in steps if " links " in step]
    assert len(used) == 2
    assert all("a=?" in step or "b=?" in step for step in used), used


def test_new_file_opened_by_many_at_once_is_made_once(path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(SqliteMapStore, [path] * 6))
    assert [store.builds() for store in stores] == [()] * 6
