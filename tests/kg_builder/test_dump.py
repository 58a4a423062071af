"""Export files: every kind that MediaWiki writes is read, every other file is refused and leaves nothing behind."""

from __future__ import annotations

import bz2
import gzip
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kg_builder.sources import pieces, reader
from kg_builder.sources.dump import XmlExport
from strokemap.errors import HomeUnwritable, InputMissing, SourceMalformed, StrokemapError
from strokemap.progress import silent

Export = Callable[..., Path]
NAMESPACE = 'xmlns="http://www.mediawiki.org/xml/export-0.11/"'


def open_export(path: Path, work: Path) -> XmlExport:
    return XmlExport.open(path, work=work, progress=silent)


def kept(work: Path) -> list[str]:
    return [file.name for file in work.rglob("*") if file.is_file() and file.name != ".lock"]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture
def export(write_export: Export) -> Path:
    return write_export({"Stroke": "A [[brain]] & more.", "Brain": "An organ.", "CVA": "#REDIRECT [[Stroke]]"})


def test_all_compressions_give_the_same_pages(export: Path, work: Path, tmp_path: Path) -> None:
    data = export.read_bytes()
    half = len(data) // 2
    # Dumps are many bz2 streams one after the other; the name of a file says nothing.
    (tmp_path / "many.bz2").write_bytes(bz2.compress(data[:half]) + bz2.compress(data[half:]))
    (tmp_path / "odd.xml").write_bytes(gzip.compress(data))
    (tmp_path / "utf16.xml").write_bytes(b"\xff\xfe" + data.decode().encode("utf-16-le"))
    answers = []
    for path in (export, tmp_path / "many.bz2", tmp_path / "odd.xml", tmp_path / "utf16.xml"):
        source = open_export(path, work)
        answers.append(source.fetch(["Stroke", "CVA", "Brain", "Nothing"]))
        source.close()
    assert all(answer == answers[0] for answer in answers)
    assert [page.title for page in answers[0].pages] == ["Brain", "Stroke"]


def test_second_run_reads_the_index_and_not_the_file(export: Path, work: Path) -> None:
    first, second = open_export(export, work), open_export(export, work)
    assert (first.requests, second.requests) == (1, 0)
    assert first.fetch(["CVA"]) == second.fetch(["CVA"])
    export.write_text(export.read_text().replace("An organ.", "The organ."))
    changed = open_export(export, work)
    assert changed.requests == 1
    assert changed.edition != first.edition
    assert changed.fetch(["Brain"]).pages[0].lead == "The organ."
    for source in (first, second, changed):
        source.close()


def test_only_articles_are_read_whatever_the_schema_says_of_them(work: Path, tmp_path: Path) -> None:
    path = tmp_path / "old.xml"
    path.write_text(
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.3/">'
        "<page><title>Talk:Stroke</title><revision><text>x</text></revision></page>"
        "<page><title>Odd: name</title><revision><text>x</text></revision></page>"
        "<page><title>Stroke</title><ns>0</ns><revision><text>old</text></revision><revision><text>new</text></revision></page>"
        "<page><title>Category:X</title><ns>14</ns><revision><text>x</text></revision></page>"
        '<page><title>CVA</title><redirect title="Stroke"/>'
        "<revision><text>#WEITERLEITUNG [[Stroke]]</text></revision></page>"
        "<page><title>Gone</title><ns>0</ns><revision><text deleted='deleted'/></revision></page>"
        "</mediawiki>"
    )
    source = open_export(path, work)
    fetched = source.fetch(["Talk:Stroke", "Odd: name", "Stroke", "Category:X", "CVA", "Gone"])
    source.close()
    assert {title for title, page in fetched.resolved.items() if page is None} == {"Talk:Stroke", "Category:X"}
    assert {page.title: page.lead for page in fetched.pages} == {"Stroke": "new", "Odd: name": "x", "Gone": ""}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"just text", 1),
        (b"<html><body/></html>", 1),
        (b"<mediawiki><page/></mediawiki>", 1),
        (f"<mediawiki {NAMESPACE}>\n<page><title>A</title>\n".encode(), 3),
        (f"<mediawiki {NAMESPACE}>\n<page><title>A</page></mediawiki>".encode(), 2),
        (f"<mediawiki {NAMESPACE}>\n<page><title>caf\xe9</title></page></mediawiki>".encode("latin-1"), 2),
        (f'<?xml version="1.0" encoding="klingon"?><mediawiki {NAMESPACE}/>'.encode(), 1),
        (f'<?xml version="1.0" encoding="utf-16"?><mediawiki {NAMESPACE}/>'.encode(), 1),
        (b'<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;">]>\n<mediawiki>&b;</mediawiki>', 1),
        (b'\n<!DOCTYPE mediawiki SYSTEM "file:///etc/passwd"><mediawiki/>', 2),
        (bz2.compress(b"<mediawiki>" * 999)[:40], None),
        (b"BZh9 and no more", None),
        (gzip.compress(b"<mediawiki>" * 999, mtime=0)[:-9], None),
        (b"\x1f\x8b\x08 damaged from here on", None),
        (b"PK\x03\x04 an archive", None),
        (b"7z\xbc\xaf\x27\x1c another", None),
        (b"\x00" * 100, 1),
    ],
)
def test_file_that_is_no_whole_export_is_refused_and_leaves_nothing(
    content: bytes, line: int | None, work: Path, tmp_path: Path
) -> None:
    path = tmp_path / "bad.xml"
    path.write_bytes(content)
    with pytest.raises(SourceMalformed) as caught:
        open_export(path, work)
    assert caught.value.hint
    assert str(caught.value.where).startswith(str(path))
    if line:
        assert caught.value.where == f"{path}:{line}"
    assert kept(work) == []


def test_damage_in_the_middle_of_a_compressed_file_is_seen(export: Path, work: Path, tmp_path: Path) -> None:
    for compressed in (bz2.compress(export.read_bytes() * 1), gzip.compress(export.read_bytes())):
        for position in (len(compressed) // 2, len(compressed) - 3):
            damaged = bytearray(compressed)
            damaged[position] ^= 0x55
            (tmp_path / "damaged").write_bytes(bytes(damaged))
            with pytest.raises(SourceMalformed):
                open_export(tmp_path / "damaged", work)
    assert kept(work) == []


# --- on all cores -------------------------------------------------------------------------------------------------

STREAMS = 40


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """A dump of many streams: the head, two pages each with one title that comes again and again, the end."""
    monkeypatch.setattr(pieces, "LEAST", 0)
    monkeypatch.setattr(pieces, "PIECE", 500)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    page = "<page><title>{}</title><ns>0</ns><revision><text>{} is [[here]].</text></revision></page>\n"
    middle = [page.format(f"Page {at}", at) + page.format("Again", at) for at in range(STREAMS)]
    head = f"<mediawiki {NAMESPACE}><siteinfo><sitename>Dump</sitename></siteinfo>\n"
    return [text.encode() for text in (head, *middle, "</mediawiki>\n")]


def write_streams(path: Path, streams: list[bytes]) -> Path:
    path.write_bytes(b"".join(map(bz2.compress, streams)))
    return path


def children() -> set[int]:
    return {int(pid) for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}


def all_rows(path: Path, work: Path, *, meanwhile: Callable[[], object] = lambda: None) -> list[tuple[object, ...]]:
    """Index an export and give every row of it."""
    XmlExport.open(path, work=work, progress=lambda *_: meanwhile()).close()
    (index,) = work.rglob("*.sqlite")
    db = sqlite3.connect(index)
    rows = db.execute("SELECT * FROM pages ORDER BY title").fetchall() + db.execute("SELECT * FROM site").fetchall()
    db.close()
    return rows


def test_dump_read_by_several_processes_gives_the_rows_of_one(
    streams: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before, seen = write_streams(tmp_path / "dump.bz2", streams), children(), set[int]()
    rows = all_rows(path, tmp_path / "many", meanwhile=lambda: seen.update(children() - before))
    assert len(seen) == 3
    assert children() == before
    monkeypatch.setattr(pieces, "LEAST", 2**30)
    assert rows == all_rows(path, tmp_path / "one", meanwhile=lambda: seen.update(children() - before))
    assert len(seen) == 3
    assert len(rows) == STREAMS + 2


def test_dump_cut_in_the_middle_of_pages_is_read_all_the_same(streams: list[bytes], tmp_path: Path) -> None:
    text = b"".join(streams)
    cut = [text[at : at + 200] for at in range(0, len(text), 200)]
    rows = all_rows(write_streams(tmp_path / "cut.bz2", cut), tmp_path / "cut")
    assert rows == all_rows(write_streams(tmp_path / "whole.bz2", streams), tmp_path / "whole")


@pytest.mark.parametrize("offset", [1, 7, 40, -3])
def test_damage_in_any_stream_is_told_as_where_it_is_read_through(
    streams: list[bytes], offset: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in (0, STREAMS // 2, STREAMS + 1):
        parts = [bytearray(bz2.compress(stream)) for stream in streams]
        parts[at][offset] ^= 0x55
        path = tmp_path / f"damaged {at}"
        path.write_bytes(b"".join(parts))
        told = []
        for least in (0, 2**30):
            monkeypatch.setattr(pieces, "LEAST", least)
            with pytest.raises(SourceMalformed) as caught:
                all_rows(path, tmp_path / "work")
            told.append(caught.value.document())
        assert told[0] == told[1]
    assert kept(tmp_path / "work") == []


def test_process_that_is_killed_costs_no_row(streams: list[bytes], tmp_path: Path) -> None:
    path, before = write_streams(tmp_path / "dump.bz2", streams), children()
    killed: list[int] = []

    def kill_one() -> None:
        if not killed:
            killed.append(min(children() - before))
            os.kill(killed[0], signal.SIGKILL)

    assert len(all_rows(path, tmp_path / "killed", meanwhile=kill_one)) == STREAMS + 2
    assert killed
    assert children() == before


def test_killed_crawl_leaves_no_process_behind(streams: list[bytes], tmp_path: Path) -> None:
    path = write_streams(tmp_path / "dump.bz2", streams)
    code = f"""
import os, signal
from pathlib import Path
from kg_builder.sources import pieces
from tests.kg_builder.test_dump import children
pieces.LEAST, pieces.PIECE, os.sched_getaffinity = 0, 500, lambda _: {{0, 1, 2}}
def tell(*_):
    print(*children(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
from kg_builder.sources.dump import XmlExport
XmlExport.open(Path({str(path)!r}), work=Path({str(tmp_path / "work")!r}), progress=tell)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL
    left = [Path(f"/proc/{pid}/stat") for pid in done.stdout.split()]
    assert len(left) == 3
    # They end by themselves, at once or when they have started.
    end = time.monotonic() + 30
    while any(stat.exists() and ") Z " not in stat.read_text() for stat in left) and time.monotonic() < end:
        os.sched_yield()
    assert not [stat for stat in left if stat.exists() and ") Z " not in stat.read_text()]


def test_page_too_large_to_be_one_is_refused(write_export: Export, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LARGEST_PAGE", 1000)
    with pytest.raises(SourceMalformed, match="larger"):
        open_export(write_export({"Stroke": "x" * 1001}), work)


def test_missing_file_and_folder_are_named(work: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "none.xml", tmp_path):
        with pytest.raises(InputMissing) as caught:
            open_export(path, work)
        assert caught.value.where == str(path)


def test_index_that_cannot_be_written_is_told(export: Path, tmp_path: Path) -> None:
    (tmp_path / "work").write_text("a file where the folder should be")
    with pytest.raises(HomeUnwritable):
        open_export(export, tmp_path / "work")


def test_index_half_written_by_a_killed_process_is_made_anew(export: Path, work: Path) -> None:
    source = open_export(export, work)
    source.close()
    (index,) = work.rglob("*.sqlite")
    index.rename(index.with_suffix(".partial"))
    again = open_export(export, work)
    assert again.requests == 1
    assert again.fetch(["CVA"]).resolved == {"CVA": "Stroke"}
    again.close()
    assert kept(work) == [index.name]


def test_damaged_index_is_told_with_what_to_do(export: Path, work: Path) -> None:
    source = open_export(export, work)
    source.close()
    (index,) = work.rglob("*.sqlite")
    index.write_bytes(b"no database" * 100)
    damaged = open_export(export, work)
    with pytest.raises(StrokemapError) as caught:
        damaged.fetch(["Stroke"])
    damaged.close()
    assert "Delete" in caught.value.hint


def test_progress_ends_with_the_number_of_pages(export: Path, work: Path) -> None:
    seen: list[int] = []
    XmlExport.open(export, work=work, progress=lambda _what, done, _total: seen.append(done)).close()
    assert seen[-1] == 3


def test_index_holds_texts_compressed(write_export: Export, work: Path) -> None:
    source = open_export(write_export({"Stroke": "word " * 10_000}), work)
    source.close()
    (index,) = work.rglob("*.sqlite")
    db = sqlite3.connect(index)
    ((size,),) = db.execute("SELECT length(body) FROM pages").fetchall()
    db.close()
    assert size < 1000


@pytest.mark.data
def test_real_export_is_read_whole(test_data: Path, work: Path) -> None:
    source = open_export(test_data / "wiki" / "wiki-small.xml.bz2", work)
    rows = (test_data / "wiki" / "redirects.tsv").read_text(encoding="utf-8").splitlines()[1:]
    targets = dict(row.split("\t")[:2] for row in rows)
    resolved = source.fetch(sorted(targets)).resolved
    source.close()
    found = {title: page for title, page in resolved.items() if page is not None}
    assert len(found) == 187
    assert all(targets[title] == page for title, page in found.items())
