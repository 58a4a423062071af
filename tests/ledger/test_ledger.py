from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

import ledger as room
from ledger import Entry, Ledger, Trust, open_ledger, parse_receipt, verify_log, verify_receipt
from ledger.entry import parse_leaf
from strokemap.errors import (
    CheckpointMissing,
    EntryErased,
    EntryInvalid,
    LedgerKeyInvalid,
    LedgerUnwritable,
    LogDamaged,
    ProofMismatch,
    UsageError,
    VaultDamaged,
    VaultKeyWrong,
)


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, object]:
    return {
        "folder": tmp_path / "ledger",
        "vault": tmp_path / "vault.db",
        "origin": "hospital.example/ledger",
        "ledger_key": b"\x01" * 32,
        "vault_key": b"\x02" * 32,
    }


def test_the_door_of_the_room_has_at_most_ten_names() -> None:
    assert len(room.__all__) <= 10
    assert all(hasattr(room, name) for name in room.__all__)


def test_an_entry_goes_all_the_way(
    ledger: Ledger, entry: Entry, now: datetime, random_bytes: Callable[[int], bytes]
) -> None:
    assert ledger.verify().size == ledger.status().published == 0
    index = ledger.record(entry, now=now, random_bytes=random_bytes)
    assert ledger.open(index) == entry.content
    ledger.publish()
    receipt = parse_receipt(ledger.receipt(index).text.encode())
    verify_receipt(receipt, leaf=receipt.leaf, trust=Trust.of(ledger.status().vkey))
    leaf = parse_leaf(receipt.leaf, where="receipt")
    asked = leaf.entry
    assert (asked.kind, asked.institution, asked.role, asked.actor) == ("search", "north", "clinician", entry.actor)
    assert (leaf.time, asked.digests) == ("2026-11-23T12:30:05Z", (("build", "b1"), ("index", "i1")))
    assert ledger.verify().size == ledger.status().size == ledger.status().published == 1
    assert ledger.status().root == ledger.verify().root


def test_no_byte_of_content_is_outside_the_vault_and_none_in_it_is_readable(
    ledger: Ledger, entry: Entry, now: datetime, random_bytes: Callable[[int], bytes], tmp_path: Path
) -> None:
    words = ["dysphasia", "Jones", "ist-000123", "atrial fibrillation", "withdrawn by letter"]
    content = json.dumps({"query": words[0], "patient": words[2], "clinician": words[1], "terms": words[3]}).encode()
    index = ledger.record(replace(entry, content=content), now=now, random_bytes=random_bytes)
    ledger.record(replace(entry, content=content), now=now, random_bytes=random_bytes)
    ledger.erase(index, reason=words[4], now=now, random_bytes=random_bytes)
    ledger.publish()
    ledger.export(tmp_path / "out")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not [word for word in words if word.encode() in data], path
    assert words[2].encode() in ledger.open(1)
    assert words[4].encode() in ledger.open(2)


def test_an_erased_entry_keeps_its_proof_and_the_log_says_that_it_was_erased(
    ledger: Ledger, record: Callable[[int], None], now: datetime, random_bytes: Callable[[int], bytes]
) -> None:
    record(3)
    ledger.publish()
    before = ledger.receipt(1)
    erasure = ledger.erase(1, reason="asked for by the patient", now=now, random_bytes=random_bytes)
    with pytest.raises(EntryErased) as failure:
        ledger.open(1)
    assert failure.value.where == "entry 1"
    with pytest.raises(EntryErased):
        ledger.erase(1, reason="again", now=now, random_bytes=random_bytes)
    ledger.publish()
    for receipt in (before, ledger.receipt(1)):
        assert verify_receipt(receipt, leaf=before.leaf, trust=ledger.trust).index == 1
    leaf = parse_leaf(ledger.receipt(erasure).leaf, where="receipt")
    assert (leaf.entry.kind, leaf.entry.erases) == ("erasure", 1)
    assert json.loads(ledger.open(erasure)) == {"erases": 1, "reason": "asked for by the patient"}
    assert ledger.open(0) == ledger.open(2)
    assert ledger.verify().size == 4


def test_an_erasure_cut_short_before_the_log_heard_of_it_is_finished_by_erasing_again(
    ledger: Ledger, record: Callable[[int], None], now: datetime, random_bytes: Callable[[int], bytes]
) -> None:
    record(1)
    path = ledger.log.folder / "log"
    ledger.publish()
    path.rename(path.with_name("unreachable"))
    path.mkdir()
    with pytest.raises(LedgerUnwritable):
        ledger.erase(0, reason="asked for by the patient", now=now, random_bytes=random_bytes)
    path.rmdir()
    path.with_name("unreachable").rename(path)
    with pytest.raises(EntryErased):
        ledger.open(0)
    assert ledger.erase(0, reason="again", now=now, random_bytes=random_bytes) == 1


@pytest.mark.parametrize(("reason", "error"), [("", UsageError), (" \n", UsageError), ("\udcff", UnicodeEncodeError)])
def test_a_reason_that_can_not_be_written_down_costs_no_content(
    ledger: Ledger,
    entry: Entry,
    record: Callable[[int], None],
    now: datetime,
    random_bytes: Callable[[int], bytes],
    reason: str,
    error: type[Exception],
) -> None:
    record(1)
    with pytest.raises(error):
        ledger.erase(0, reason=reason, now=now, random_bytes=random_bytes)
    assert ledger.open(0) == entry.content
    assert ledger.status().size == 1


def test_a_refused_entry_leaves_nothing_behind(
    ledger: Ledger, entry: Entry, now: datetime, random_bytes: Callable[[int], bytes]
) -> None:
    with pytest.raises(EntryInvalid):
        ledger.record(replace(entry, actor="Dr Jones"), now=now, random_bytes=random_bytes)
    assert ledger.status().size == 0


def test_threads_share_one_ledger(
    ledger: Ledger, entry: Entry, now: datetime, random_bytes: Callable[[int], bytes]
) -> None:
    indexes: list[int] = []

    def work(name: str) -> None:
        for number in range(4):
            asked = replace(entry, content=f"{name} {number}".encode())
            index = ledger.record(asked, now=now, random_bytes=random_bytes)
            assert ledger.open(index) == asked.content
            indexes.append(index)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(indexes) == list(range(12))


def test_what_a_killed_writer_left_behind_does_not_fail_verification(
    ledger: Ledger, record: Callable[[int], None]
) -> None:
    record(2)
    ledger.publish()
    path = ledger.log.folder / "log"
    whole = path.read_bytes()
    path.write_bytes(whole + b"2 abc")
    with pytest.raises(LogDamaged):
        verify_log(ledger.log.folder, trust=ledger.trust)
    assert ledger.verify().size == 2
    assert path.read_bytes() == whole


def cut(ledger: Ledger, *, to: int) -> None:
    log = ledger.log.folder / "log"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[: 1 + to]))


@pytest.mark.parametrize("names", [("checkpoint",), ("checkpoint", "tile"), ("checkpoint", "tile", "vkey")])
@pytest.mark.parametrize("left", [0, 1, 3])
def test_a_ledger_that_falls_behind_what_was_published_is_neither_signed_nor_verified(
    arguments: dict[str, object],
    ledger: Ledger,
    record: Callable[[int], None],
    names: tuple[str, ...],
    left: int,
) -> None:
    record(3)
    ledger.publish()
    cut(ledger, to=left)
    for name in names:
        path = ledger.log.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    again = open_ledger(**arguments)  # type: ignore[arg-type]
    for act in (again.verify, again.publish, again.verify):
        with pytest.raises(CheckpointMissing):
            act()
    if left < 3:
        with pytest.raises(LogDamaged):
            record(1)
    assert not (ledger.log.folder / "checkpoint").exists()


def test_a_ledger_put_back_to_an_older_state_is_neither_signed_nor_verified(
    ledger: Ledger, record: Callable[[int], None], tmp_path: Path
) -> None:
    record(2)
    ledger.publish()
    shutil.copytree(ledger.log.folder, tmp_path / "older")
    record(1)
    ledger.publish()
    shutil.rmtree(ledger.log.folder)
    (tmp_path / "older").rename(ledger.log.folder)
    for act in (ledger.verify, ledger.publish):
        with pytest.raises(ProofMismatch, match="checkpoint over 3 entries"):
            act()
    with pytest.raises(LogDamaged, match="3 were signed"):
        record(1)


def test_a_ledger_that_is_gone_is_not_taken_for_a_new_one(
    arguments: dict[str, object], ledger: Ledger, record: Callable[[int], None]
) -> None:
    record(1)
    ledger.publish()
    shutil.rmtree(ledger.log.folder)
    again = open_ledger(**arguments)  # type: ignore[arg-type]
    for act in (again.verify, again.publish):
        with pytest.raises(CheckpointMissing):
            act()
    with pytest.raises(LogDamaged):
        record(1)


def test_a_crash_before_the_vault_heard_of_a_checkpoint_mends_itself(
    ledger: Ledger, record: Callable[[int], None]
) -> None:
    vault = ledger.vault.path
    for known in (0, 2):
        before = vault.read_bytes()
        record(2)
        size = ledger.publish().size
        vault.write_bytes(before)
        assert ledger.vault.checkpoint().size == known
        assert ledger.verify().size == ledger.publish().size == size
        assert ledger.vault.checkpoint() == ledger.log.checkpoint()


def test_a_crash_in_the_beginning_mends_itself(arguments: dict[str, object], ledger: Ledger) -> None:
    (ledger.log.folder / "vkey").unlink()
    ledger.vault.path.unlink()
    assert open_ledger(**arguments).verify().size == 0  # type: ignore[arg-type]
    assert ledger.publish() == ledger.vault.checkpoint()


def test_verifying_a_log_that_is_missing_does_not_make_another(ledger: Ledger, record: Callable[[int], None]) -> None:
    record(1)
    ledger.publish()
    (ledger.log.folder / "log").unlink()
    with pytest.raises(LogDamaged):
        ledger.verify()
    assert not (ledger.log.folder / "log").exists()


def test_other_keys_do_not_open_the_ledger(ledger: Ledger, arguments: dict[str, object]) -> None:
    assert open_ledger(**arguments) == ledger  # type: ignore[arg-type]
    for change, error in (
        ({"ledger_key": b"\x09" * 32}, LedgerKeyInvalid),
        ({"origin": "other.example/ledger"}, LedgerKeyInvalid),
        ({"origin": "a name with spaces"}, LedgerKeyInvalid),
        ({"vault_key": b"\x09" * 32}, VaultKeyWrong),
    ):
        with pytest.raises(error):
            open_ledger(**(arguments | change))  # type: ignore[arg-type]


def test_a_vault_of_another_time_is_named(ledger: Ledger, record: Callable[[int], None]) -> None:
    record(1)
    ledger.vault.path.unlink()
    again = replace(ledger, vault=type(ledger.vault).open(ledger.vault.path, master=b"\x02" * 32))
    with pytest.raises(VaultDamaged) as failure:
        again.open(0)
    assert failure.value.where == "entry 0"


def test_an_export_is_verified_by_anyone_and_is_whole_or_not_there(
    ledger: Ledger, record: Callable[[int], None], tmp_path: Path
) -> None:
    record(2)
    ledger.publish()
    record(1)
    assert ledger.export(tmp_path / "out").size == 2
    trust = Trust.of((tmp_path / "out" / "vkey").read_text())
    verified = verify_log(tmp_path / "out", trust=trust)
    assert (verified.size, verified.pending) == (2, 0)
    with pytest.raises(LedgerUnwritable):
        ledger.export(tmp_path / "out")
    (ledger.log.folder / "tile/0/000.p/2").write_bytes(b"\x00" * 64)
    before = set(tmp_path.iterdir())
    with pytest.raises(ProofMismatch):
        ledger.export(tmp_path / "again")
    assert set(tmp_path.iterdir()) == before
