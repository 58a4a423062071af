from __future__ import annotations

import shutil
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import Entry, Index, Ledger, Receipt, Trust, parse_receipt, verify_log, verify_receipt
from ledger.crypto import public_key, sign
from ledger.entry import LeafBytes
from ledger.lines import HEADER, format_line
from ledger.log import Log, publish
from ledger.note import COSIGNATURE_ED25519, Checkpoint, PublicKey, Signature, Signer
from ledger.tree import Hash, Size, leaf_hash
from strokemap.errors import (
    CheckpointMissing,
    LedgerError,
    LedgerKeyInvalid,
    LedgerUnwritable,
    LogDamaged,
    ProofMismatch,
    QuorumMissing,
    ReceiptMalformed,
    TileDamaged,
)

BITS = (1, 4, 16, 64, 128, 2, 8, 32)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    lines = [format_line(b"leaf %d" % i, index=i) for i in range(300)]
    (folder / "log").write_bytes(HEADER + b"".join(lines))
    publish(Log(folder=folder), sign=Signer(name="hospital.example/ledger", secret=b"\x01" * 32))
    return folder


@pytest.fixture
def published(original: Path, tmp_path: Path) -> Log:
    """A log of 300 short entries under a checkpoint, copied anew for each test."""
    return Log(folder=shutil.copytree(original, tmp_path / "published"))


@pytest.fixture
def trust(signer: Signer) -> Trust:
    return Trust.of(signer.key.text + "\n")


def test_any_changed_byte_of_any_stored_file_is_found_and_its_file_is_named(
    make_log: Callable[[int], Log], signer: Signer, trust: Trust
) -> None:
    publish(make_log(1), sign=signer)
    publish(make_log(2), sign=signer)
    folder = make_log(3).folder
    (folder / "vkey").write_text(f"{signer.key.text}\n")
    stored = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    assert [path.relative_to(folder).as_posix() for path in stored] == [
        "checkpoint", "log", "tile/0/000.p/1", "tile/0/000.p/2", "tile/entries/000.p/1", "tile/entries/000.p/2", "vkey",
    ]  # fmt: skip
    assert verify_log(folder, trust=trust).pending == 1
    for path in stored:
        data = path.read_bytes()
        for at in range(len(data)):
            path.write_bytes(data[:at] + bytes([data[at] ^ BITS[at % 8]]) + data[at + 1 :])
            with pytest.raises(LedgerError) as failure:
                verify_log(folder, trust=trust)
            assert str(failure.value.where).split(":")[0] == f"ledger/{path.relative_to(folder).as_posix()}"
        path.write_bytes(data)
    assert verify_log(folder, trust=trust).size == 2


def test_a_changed_byte_in_a_larger_log_is_named_with_its_line_or_tile(published: Log, trust: Trust) -> None:
    path = published.folder / "log"
    data = path.read_bytes()
    path.write_bytes(data.replace(b"leaf 217\n", b"leaf 218\n"))
    with pytest.raises(LogDamaged) as line:
        verify_log(published.folder, trust=trust)
    assert line.value.where == "ledger/log:219"
    path.write_bytes(data)
    for name in ("tile/0/000", "tile/1/000.p/1", "tile/0/001.p/44", "tile/entries/000", "tile/entries/001.p/44"):
        tile = published.folder / name
        data = tile.read_bytes()
        tile.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(ProofMismatch) as failure:
            verify_log(published.folder, trust=trust)
        assert failure.value.where == f"ledger/{name}"
        assert "the log itself has the root that was signed" in failure.value.message
        tile.write_bytes(data)


def rewrite(log: Log, index: int, *, line: bool) -> None:
    """Put another entry in the bundle, with its hash in the tile below, as someone with access to the disk would."""
    old, new = b"leaf %d" % index, b"lief %d" % index
    changes = [("tile/entries/000", old, new), ("tile/0/000", leaf_hash(old), leaf_hash(new))]
    if line:
        changes.append(("log", format_line(old, index=index), format_line(new, index=index)))
    for name, before, after in changes:
        path = log.folder / name
        data = path.read_bytes()
        assert before in data
        path.write_bytes(data.replace(before, after, 1))


@pytest.mark.parametrize("line", [False, True])
def test_an_entry_rewritten_together_with_its_hash_is_found(published: Log, trust: Trust, line: bool) -> None:
    # The attack of CVE-2026-56865: a verifier that does not check level 0 against level 1 accepts it.
    rewrite(published, 217, line=line)
    with pytest.raises(ProofMismatch) as failure:
        verify_log(published.folder, trust=trust)
    assert failure.value.where == ("ledger/tile/1/000.p/1" if line else "ledger/tile/entries/000")


def test_a_log_rewritten_throughout_does_not_have_the_root_that_was_signed(
    published: Log, trust: Trust, signer: Signer
) -> None:
    checkpoint = (published.folder / "checkpoint").read_bytes()
    for path in sorted((published.folder / "tile").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (published.folder / "tile").rmdir()
    (published.folder / "checkpoint").unlink()
    lines = [format_line(b"lief %d" % i, index=i) for i in range(300)]
    (published.folder / "log").write_bytes(HEADER + b"".join(lines))
    publish(published, sign=replace(signer, secret=b"\x09" * 32))
    (published.folder / "checkpoint").write_bytes(checkpoint)
    with pytest.raises(ProofMismatch) as failure:
        verify_log(published.folder, trust=trust)
    assert failure.value.where == "ledger/checkpoint"


def test_a_missing_or_foreign_file_is_named(published: Log, trust: Trust) -> None:
    for name, error in (
        ("tile/0/000", TileDamaged),
        ("tile/entries/001.p/44", TileDamaged),
        ("log", LogDamaged),
        ("checkpoint", CheckpointMissing),
    ):
        path = published.folder / name
        data = path.read_bytes()
        path.unlink()
        with pytest.raises(error) as failure:
            verify_log(published.folder, trust=trust)
        assert failure.value.where == f"ledger/{name}"
        path.write_bytes(data)
    for name in ("tile/0/002", "tile/0/001.p/45", "tile/2/000.p/1", "tile/entries/002", "tile/0/001.p/43", "tile/a"):
        path = published.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 32)
        with pytest.raises(LedgerError) as failure:
            verify_log(published.folder, trust=trust)
        assert failure.value.where == f"ledger/{name}"
        path.unlink()
    assert verify_log(published.folder, trust=trust).size == 300


def test_a_log_cut_behind_its_checkpoint_is_found(published: Log, trust: Trust) -> None:
    path = published.folder / "log"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(ProofMismatch) as failure:
        verify_log(published.folder, trust=trust)
    assert failure.value.where == "ledger/log"


def test_another_logs_key_is_not_enough(published: Log, signer: Signer) -> None:
    for other in (replace(signer, secret=b"\x09" * 32), replace(signer, name="other.example/ledger")):
        with pytest.raises(ProofMismatch):
            verify_log(published.folder, trust=Trust(log=other.key))


def test_a_receipt_is_checked_with_the_public_key_alone(ledger: Ledger, record: Callable[[int], None]) -> None:
    record(3)
    ledger.publish()
    data, vkey = ledger.receipt(1).text.encode(), (ledger.log.folder / "vkey").read_text()
    receipt = parse_receipt(data)
    verified = verify_receipt(receipt, leaf=receipt.leaf, trust=Trust.of(vkey))
    assert (verified.origin, verified.size, verified.index) == ("hospital.example/ledger", 3, 1)
    assert receipt.text.encode() == data
    with pytest.raises(ProofMismatch):
        verify_receipt(receipt, leaf=LeafBytes(receipt.leaf + b" "), trust=Trust.of(vkey))


def test_any_changed_byte_of_a_receipt_is_found(ledger: Ledger, record: Callable[[int], None]) -> None:
    record(3)
    ledger.publish()
    data = ledger.receipt(1).text.encode()
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ BITS[at % 8]]) + data[at + 1 :]
        with pytest.raises((ReceiptMalformed, ProofMismatch)):
            read_and_verify(changed, ledger.trust)


def read_and_verify(data: bytes, trust: Trust) -> None:
    receipt = parse_receipt(data)
    verify_receipt(receipt, leaf=receipt.leaf, trust=trust)


RECEIPT = Receipt(
    index=Index(5),
    leaf=LeafBytes(b"{}"),
    proof=(Hash(b"\x01" * 32), Hash(b"\x02" * 32)),
    checkpoint=Signer(name="a.example/log", secret=b"\x01" * 32).sign(size=Size(6), root=Hash(b"\x03" * 32)),
)
GOOD = RECEIPT.text.encode()


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (b"@v1", b"@v2", "receipt:1"),
        (b"extra e30=", b"extra e30", "receipt:2"),
        (b"extra e30=", b"extra e31=", "receipt:2"),
        (b"extra e30=\n", b"", "receipt:2"),
        (b"index 5", b"index +5", "receipt:3"),
        (b"index 5", b"5", "receipt:3"),
        (b"AQEB", b"AQE*", "receipt:4"),
        (b64encode(b"\x01" * 32), b64encode(b"short"), "receipt:4"),
        (b"\n6\n", b"\n06\n", "receipt:8"),
        (b"\n\n", b"\n", "receipt:6"),
    ],
)
def test_a_receipt_that_is_not_written_exactly_is_refused_with_its_line(old: bytes, new: bytes, where: str) -> None:
    assert parse_receipt(GOOD) == RECEIPT
    with pytest.raises(ReceiptMalformed) as failure:
        parse_receipt(GOOD.replace(old, new, 1))
    assert failure.value.where == where


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.integers(0, len(GOOD)), st.integers(0, 60), st.binary(max_size=60) | st.text(max_size=9).map(str.encode))
def test_whatever_parses_as_a_receipt_has_exactly_one_text(at: int, cut: int, put: bytes) -> None:
    data = GOOD[:at] + put + GOOD[at + cut :]
    try:
        again = parse_receipt(data).text.encode()
    except ReceiptMalformed:
        return
    assert again == data


def cosign(checkpoint: Checkpoint, number: int) -> tuple[PublicKey, Signature]:
    secret = bytes([number]) * 32
    key = PublicKey(name=f"witness{number}.example", kind=COSIGNATURE_ED25519, public=public_key(secret))
    data = sign(f"cosignature/v1\ntime 9\n{checkpoint.body}".encode(), secret=secret)
    return key, Signature(name=key.name, key_id=key.id, data=(9).to_bytes(8, "big") + data)


def test_a_receipt_needs_as_many_witnesses_as_the_verifier_asks_for(
    ledger: Ledger, record: Callable[[int], None], entry: Entry
) -> None:
    record(1)
    ledger.publish()
    receipt = ledger.receipt(0)
    keys, lines = zip(*(cosign(receipt.checkpoint, number) for number in (2, 3, 4, 5)), strict=True)
    signatures = receipt.checkpoint.signatures
    trust = Trust(log=ledger.trust.log, witnesses=keys, threshold=3)
    for count, stranger in ((2, 0), (2, 1)):
        few = (*signatures, *lines[:count], *[cosign(receipt.checkpoint, 9)[1]] * stranger)
        with pytest.raises(QuorumMissing):
            verify_receipt(
                replace(receipt, checkpoint=replace(receipt.checkpoint, signatures=few)), leaf=receipt.leaf, trust=trust
            )
    enough = replace(receipt, checkpoint=replace(receipt.checkpoint, signatures=(*signatures, *lines[1:])))
    enough = parse_receipt(enough.text.encode())
    verified = verify_receipt(enough, leaf=enough.leaf, trust=trust)
    assert verified.witnesses == ("witness3.example", "witness4.example", "witness5.example")


def test_nobody_counts_twice_towards_the_witnesses_needed(signer: Signer) -> None:
    key = cosign(RECEIPT.checkpoint, 2)[0]
    same = replace(key, name="other.example")
    for witnesses in ((key, key), (key, same), (replace(key, kind=1),), (replace(signer.key, kind=key.kind),)):
        with pytest.raises(LedgerKeyInvalid):
            Trust(log=signer.key, witnesses=witnesses, threshold=2)
    with pytest.raises(LedgerKeyInvalid):
        Trust(log=key)


def test_a_checkpoint_that_can_not_be_read_is_not_taken_for_none(published: Log, signer: Signer) -> None:
    (published.folder / "checkpoint").unlink()
    (published.folder / "checkpoint").mkdir()
    with pytest.raises(LedgerUnwritable):
        publish(published, sign=signer)


def test_verifying_leaves_every_file_as_it_was(published: Log, trust: Trust) -> None:
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in published.folder.rglob("*") if path.is_file()}

    before = files()
    verify_log(published.folder, trust=trust)
    assert files() == before
