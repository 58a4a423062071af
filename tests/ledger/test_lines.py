from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.entry import LeafBytes
from ledger.lines import HEADER, format_line, mend, open_log, parse_line, read_tail
from ledger.log import Log
from strokemap.errors import LedgerBusy, LedgerUnwritable, LogDamaged


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=50).filter(lambda leaf: b"\n" not in leaf), st.integers(0, 2**40))
def test_a_line_comes_back_as_it_went_and_belongs_to_one_index(leaf: bytes, index: int) -> None:
    line = format_line(leaf, index=index)
    assert parse_line(line, index=index) == leaf
    with pytest.raises(LogDamaged) as failure:
        parse_line(line, index=index + 1)
    assert failure.value.where == f"ledger/log:{index + 3}"


@pytest.mark.parametrize("count", [0, 1, 2, 300, 3000])
def test_the_tail_is_found_from_the_end(make_log: Callable[[int], Log], count: int) -> None:
    log = make_log(count)
    with open_log(log.folder, patience=0, exclusive=False) as handle:
        tail = read_tail(handle)
        assert (tail.size, tail.leaves, tail.end) == (count, (), (log.folder / "log").stat().st_size)
        for since in {0, 1, count // 2, count - 1, count, count + 5} - {-1}:
            tail = read_tail(handle, since=since)
            assert tail.size == count
            assert tail.leaves == tuple(b"leaf %d" % i for i in range(since, count))


def test_a_killed_writers_beginning_of_a_line_is_cut_off_wherever_it_ends(make_log: Callable[[int], Log]) -> None:
    log = make_log(3)
    path = log.folder / "log"
    whole = path.read_bytes()
    line = format_line(b"never acknowledged", index=3)
    for cut in range(len(line)):
        path.write_bytes(whole + line[:cut])
        with open_log(log.folder, patience=0, exclusive=True) as handle:
            assert mend(handle).size == 3
        assert path.read_bytes() == whole
    path.write_bytes(whole + line[:-1])
    assert log.append(LeafBytes(b"acknowledged")) == 3
    assert path.read_bytes() == whole + format_line(b"acknowledged", index=3)
    for cut in range(len(HEADER)):
        path.write_bytes(HEADER[:cut])
        assert log.append(LeafBytes(b"a")) == 0
        assert path.read_bytes() == HEADER + format_line(b"a", index=0)


def test_a_changed_byte_at_the_end_is_never_taken_for_a_killed_writer(make_log: Callable[[int], Log]) -> None:
    log = make_log(2)
    path = log.folder / "log"
    whole = path.read_bytes()
    start = len(whole) - len(format_line(b"leaf 1", index=1))
    for at in range(start, len(whole)):
        for change in (1 << at % 8, whole[at] ^ ord("\n"), 0xFF):
            changed = bytearray(whole)
            changed[at] ^= change
            if changed == whole:
                continue
            path.write_bytes(changed)
            with pytest.raises(LogDamaged):
                log.append(LeafBytes(b"next"))
            assert path.read_bytes() == changed


@pytest.mark.parametrize("data", [b"x", b"strokemap-log-2\n", HEADER + b"garbage", b"\x00" * 40, HEADER + b"1 "])
def test_a_file_that_is_no_log_is_refused_and_left_as_it_is(make_log: Callable[[int], Log], data: bytes) -> None:
    log = make_log(0)
    (log.folder / "log").write_bytes(data)
    with pytest.raises(LogDamaged):
        log.append(LeafBytes(b"next"))
    assert (log.folder / "log").read_bytes() == data


def test_an_entry_that_the_disk_refused_was_never_there(
    make_log: Callable[[int], Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = make_log(2)
    before = (log.folder / "log").read_bytes()

    def refuse(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", refuse)
        with pytest.raises(LedgerUnwritable):
            log.append(LeafBytes(b"lost"))
    assert (log.folder / "log").read_bytes() == before
    assert log.append(LeafBytes(b"kept")) == 2


def test_waiting_for_another_writer_ends(make_log: Callable[[int], Log]) -> None:
    log = make_log(1)
    with open_log(log.folder, patience=0, exclusive=True), pytest.raises(LedgerBusy) as failure:
        log.append(LeafBytes(b"second"))
    assert failure.value.retryable
    assert log.append(LeafBytes(b"second")) == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnwritable):
        Log(folder=tmp_path / "file" / "ledger").append(LeafBytes(b"a"))
