from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ledger import Index, Trust, verify_log, verify_receipt
from ledger.entry import LeafBytes
from ledger.lines import format_line
from ledger.log import Log, make_receipt, publish
from ledger.note import Signer
from ledger.tree import EMPTY_ROOT, Size, tree_root
from strokemap.errors import (
    EntryUnknown,
    LedgerBusy,
    LogDamaged,
    ProofMismatch,
    ReceiptNotYet,
    TileDamaged,
)

APPENDER = """
import sys
from pathlib import Path
from ledger.entry import LeafBytes
from ledger.log import Log, publish
from ledger.note import Signer

log = Log(folder=Path(sys.argv[1]), patience=60)
signer = Signer(name="hospital.example/ledger", secret=bytes([1]) * 32)
for number in range(int(sys.argv[3])):
    index = log.append(LeafBytes(f"{sys.argv[2]} {number}".encode()))
    print(index, flush=True)
    if number % 3 == 2:
        publish(log, sign=signer)
        print("published", flush=True)
"""


def start(log: Log, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", APPENDER, str(log.folder), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_entries_count_from_zero_and_can_be_read_before_and_after_they_are_published(
    make_log: Callable[[int], Log], signer: Signer
) -> None:
    log = make_log(0)
    assert [log.append(LeafBytes(b"leaf %d" % i)) for i in range(4)] == [0, 1, 2, 3]
    assert (log.size(), log.published(), log.checkpoint()) == (4, 0, None)
    before = [log.leaf(Index(i)) for i in range(4)]
    assert publish(log, sign=signer).size == log.published() == 4
    assert before == [log.leaf(Index(i)) for i in range(4)] == [b"leaf 0", b"leaf 1", b"leaf 2", b"leaf 3"]
    for index in (-1, 4):
        with pytest.raises(EntryUnknown):
            log.leaf(Index(index))


def test_publishing_an_empty_log_signs_the_empty_root(tmp_path: Path, signer: Signer) -> None:
    log = Log(folder=tmp_path / "ledger")
    assert publish(log, sign=signer).root == EMPTY_ROOT
    assert verify_log(log.folder, trust=Trust(log=signer.key)).size == 0


def test_publishing_with_nothing_new_changes_nothing(make_log: Callable[[int], Log], signer: Signer) -> None:
    log = make_log(300)
    first = publish(log, sign=signer)
    before = files(log.folder)
    assert publish(log, sign=signer) == first
    assert files(log.folder) == before


def test_each_checkpoint_follows_from_the_one_before(make_log: Callable[[int], Log], signer: Signer) -> None:
    log = make_log(250)
    old = publish(log, sign=signer)
    for count in (1, 5, 4):
        for _ in range(count):
            log.append(LeafBytes(b"more"))
        new = publish(log, sign=signer)
        assert tree_root(old.size, hashes=log.tiles.hashes(new.size)) == old.root
        assert verify_log(log.folder, trust=Trust(log=signer.key)).size == new.size == old.size + count
        old = new
    assert not (log.folder / "tile/0/000.p").exists()
    assert not (log.folder / "tile/entries/000.p").exists()


def test_tiles_do_not_depend_on_when_they_were_published_and_the_log_rebuilds_them(
    make_log: Callable[[int], Log], signer: Signer
) -> None:
    log = make_log(600)
    publish(log, sign=signer)
    at_once = files(log.folder)
    shutil.rmtree(log.folder)
    for count in (3, 256, 511, 600):
        publish(make_log(count), sign=signer)
    # What was published before stays: older partial tiles, until their full one is there.
    assert files(log.folder).items() >= at_once.items()
    shutil.rmtree(log.folder / "tile")
    publish(log, sign=signer)
    assert files(log.folder) == at_once
    shutil.rmtree(log.folder / "tile")
    log.append(LeafBytes(b"one more"))
    publish(log, sign=signer)
    rebuilt = files(log.folder)
    assert verify_log(log.folder, trust=Trust(log=signer.key)).size == 601
    assert all(rebuilt[path] == data for path, data in at_once.items() if "/00" in path and ".p/" not in path)


def test_a_publication_cut_short_before_its_checkpoint_is_done_again(
    make_log: Callable[[int], Log], signer: Signer
) -> None:
    log = make_log(254)
    publish(log, sign=signer)
    checkpoint = (log.folder / "checkpoint").read_bytes()
    for _ in range(5):
        log.append(LeafBytes(b"more"))
    publish(log, sign=signer)
    after = files(log.folder)
    (log.folder / "checkpoint").write_bytes(checkpoint)
    tile = log.folder / "tile/0/000.p/254"
    tile.parent.mkdir()
    tile.write_bytes((log.folder / "tile/0/000").read_bytes()[: 254 * 32])
    verified = verify_log(log.folder, trust=Trust(log=signer.key))
    assert (verified.size, verified.pending) == (254, 5)
    publish(log, sign=signer)
    assert files(log.folder) == after


def test_a_receipt_proves_its_entry_once_published(make_log: Callable[[int], Log], signer: Signer) -> None:
    log, trust = make_log(300), Trust(log=signer.key)
    with pytest.raises(ReceiptNotYet) as failure:
        make_receipt(Index(299), log=log)
    assert failure.value.retryable
    publish(log, sign=signer)
    for index in (0, 255, 256, 299):
        receipt = make_receipt(Index(index), log=log)
        assert verify_receipt(receipt, leaf=LeafBytes(b"leaf %d" % index), trust=trust).index == index
    with pytest.raises(EntryUnknown):
        make_receipt(Index(300), log=log)


def test_a_receipt_is_not_made_from_a_damaged_tile(make_log: Callable[[int], Log], signer: Signer) -> None:
    log = make_log(4)
    publish(log, sign=signer)
    path = log.folder / "tile/0/000.p/4"
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(ProofMismatch):
        make_receipt(Index(0), log=log)


def test_nothing_is_signed_that_does_not_follow_from_what_was_signed(
    make_log: Callable[[int], Log], signer: Signer
) -> None:
    log = make_log(5)
    publish(log, sign=signer)
    log.append(LeafBytes(b"more"))
    good = files(log.folder)
    rewritten = b"".join(format_line(b"other %d" % i, index=i) for i in range(6))
    attacks: list[tuple[str, bytes | None, type[Exception]]] = [
        ("tile/0/000.p/5", good["tile/0/000.p/5"][::-1], TileDamaged),
        ("tile/0/000.p/5", good["tile/0/000.p/5"][:-1], TileDamaged),
        ("tile/0/000.p/5", None, TileDamaged),
        ("tile/entries/000.p/5", good["tile/entries/000.p/5"].replace(b"leaf", b"lief"), TileDamaged),
        ("log", good["log"][: good["log"].index(b"\n4 ") + 1], LogDamaged),
        ("log", good["log"].replace(b"more", b"less"), LogDamaged),
        ("checkpoint", good["checkpoint"].replace(b"\n5\n", b"\n6\n"), ProofMismatch),
    ]
    for path, data, error in attacks:
        if data is None:
            (log.folder / path).unlink()
        else:
            (log.folder / path).write_bytes(data)
        with pytest.raises(error):
            publish(log, sign=signer)
        assert (log.folder / "checkpoint").read_bytes() == (data if path == "checkpoint" else good["checkpoint"])
        (log.folder / path).write_bytes(good[path])
    shutil.rmtree(log.folder / "tile")
    (log.folder / "log").write_bytes(good["log"][: good["log"].index(b"\n") + 1] + rewritten)
    with pytest.raises(ProofMismatch):
        publish(log, sign=signer)
    assert not (log.folder / "tile").exists()


def test_nothing_is_signed_on_top_of_a_changed_tile_higher_up(make_log: Callable[[int], Log], signer: Signer) -> None:
    log = make_log(300)
    publish(log, sign=signer)
    log.append(LeafBytes(b"more"))
    (log.folder / "tile/1/000.p/1").write_bytes(bytes(32))
    before = files(log.folder)
    with pytest.raises(ProofMismatch):
        publish(log, sign=signer)
    assert files(log.folder) == before


def test_another_key_does_not_carry_on_a_log(make_log: Callable[[int], Log], signer: Signer) -> None:
    log = make_log(1)
    publish(log, sign=signer)
    for other in (replace(signer, secret=b"\x09" * 32), replace(signer, name="other.example/ledger")):
        with pytest.raises(ProofMismatch):
            publish(log, sign=other)


def test_a_log_rolled_back_behind_its_checkpoint_gives_no_index_twice(
    make_log: Callable[[int], Log], signer: Signer
) -> None:
    log = make_log(3)
    before = (log.folder / "log").read_bytes()
    log.append(LeafBytes(b"signed"))
    publish(log, sign=signer)
    (log.folder / "log").write_bytes(before)
    with pytest.raises(LogDamaged):
        log.append(LeafBytes(b"instead"))
    with pytest.raises(LogDamaged):
        publish(log, sign=signer)


def test_one_publishes_at_a_time_and_appending_goes_on(make_log: Callable[[int], Log], signer: Signer) -> None:
    log = make_log(1)
    with log.publishing():
        assert log.append(LeafBytes(b"meanwhile")) == 1
        with pytest.raises(LedgerBusy):
            publish(log, sign=signer)
    assert publish(log, sign=signer).size == 2


def test_two_processes_append_and_publish_at_once_without_a_gap(make_log: Callable[[int], Log], signer: Signer) -> None:
    log = make_log(0)
    writers = {name: start(log, name, 9) for name in ("north", "river")}
    acknowledged = {}
    for name, writer in writers.items():
        output, _ = writer.communicate(timeout=60)
        assert writer.returncode == 0
        acknowledged[name] = [int(line) for line in output.split("\n") if line.isdigit()]
    assert sorted(acknowledged["north"] + acknowledged["river"]) == list(range(18))
    for name, indexes in acknowledged.items():
        assert [log.leaf(Index(index)) for index in indexes] == [f"{name} {i}".encode() for i in range(9)]
    publish(log, sign=signer)
    assert verify_log(log.folder, trust=Trust(log=signer.key)).size == 18


def test_a_writer_killed_at_any_moment_loses_nothing_that_it_acknowledged(
    make_log: Callable[[int], Log], signer: Signer
) -> None:
    log, trust = make_log(0), Trust(log=signer.key)
    known: list[bytes] = []
    for run, after in enumerate((1, 5, 12)):
        writer = start(log, f"run{run}", 10_000)
        assert writer.stdout is not None
        # The pipe is read until the kill takes hold, so that all that was acknowledged is known.
        lines = [writer.stdout.readline() for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.readlines()
        writer.stdout.close()
        writer.wait()
        acknowledged = [int(line) for line in lines if line.strip().isdigit()]
        assert acknowledged[0] in (len(known), len(known) + 1)
        for number, index in enumerate(acknowledged):
            assert log.leaf(Index(index)) == f"run{run} {number}".encode()
        checkpoint = publish(log, sign=signer)
        assert verify_log(log.folder, trust=trust).size == checkpoint.size >= acknowledged[-1] + 1
        leaves = [log.leaf(Index(index)) for index in range(checkpoint.size)]
        assert leaves[: len(known)] == known
        known = leaves


def test_reading_a_log_of_size_zero_has_no_tail(make_log: Callable[[int], Log]) -> None:
    assert make_log(0).since(Size(0)) == ()
