from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from ledger import Entry, Index
from ledger.crypto import wrap
from ledger.entry import RecordKey, Sealed, seal
from ledger.vault import Vault
from strokemap.errors import EntryErased, LedgerBusy, LedgerUnwritable, VaultDamaged, VaultKeyWrong

MASTER = b"\x02" * 32


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.open(tmp_path / "vault.db", master=MASTER)


@pytest.fixture
def keep(vault: Vault, entry: Entry, now: datetime, random_bytes: Callable[[int], bytes]) -> Callable[..., Sealed]:
    def add(content: bytes, key: RecordKey | None = None) -> Sealed:
        key = key or RecordKey(random_bytes(32))
        sealed = seal(replace(entry, content=content), key=key, at=now)
        vault.keep(sealed, key=key)
        return sealed

    return add


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"x" * 100_000])
def test_a_content_comes_back_byte_for_byte(vault: Vault, keep: Callable[..., Sealed], content: bytes) -> None:
    sealed = keep(content)
    assert Vault.open(vault.path, master=MASTER).content(sealed.commitment, where="entry 0") == content


def test_the_file_is_for_its_owner_alone_and_shows_no_content(vault: Vault, keep: Callable[..., Sealed]) -> None:
    keep(b"dysphasia after a stroke")
    assert vault.path.stat().st_mode & 0o077 == 0
    assert b"dysphasia" not in vault.path.read_bytes()
    assert MASTER.hex() not in repr(vault)
    assert "\\x02" not in repr(vault)


def test_another_master_key_is_refused_before_anything_is_written(vault: Vault) -> None:
    before = vault.path.read_bytes()
    with pytest.raises(VaultKeyWrong):
        Vault.open(vault.path, master=b"\x03" * 32)
    assert vault.path.read_bytes() == before


def test_an_erased_content_is_gone_from_the_file_with_its_key(vault: Vault, keep: Callable[..., Sealed]) -> None:
    key = RecordKey(random.Random(3).randbytes(32))
    wrapped = wrap(key, master=MASTER)
    sealed, other = keep(b"to be erased" * 2000, key), keep(b"to be kept")
    assert wrapped in vault.path.read_bytes()
    vault.destroy(sealed.commitment, where="entry 0")
    data = vault.path.read_bytes()
    assert wrapped not in data
    assert not any(sealed.payload[at : at + 64] in data for at in range(0, len(sealed.payload) - 64, 512))
    assert all(path == vault.path or not path.read_bytes() for path in vault.path.parent.iterdir())
    with pytest.raises(EntryErased):
        vault.content(sealed.commitment, where="entry 0")
    assert vault.content(other.commitment, where="entry 1") == b"to be kept"


def test_no_older_copy_of_a_key_stays_in_the_file_however_many_were_kept_and_erased(
    vault: Vault, keep: Callable[..., Sealed]
) -> None:
    chance = random.Random(5)
    kept: list[tuple[Sealed, bytes]] = []
    erased: list[bytes] = []
    for _ in range(25):
        key = RecordKey(chance.randbytes(32))
        kept.append((keep(chance.randbytes(chance.randrange(3000)), key), wrap(key, master=MASTER)))
        if chance.random() < 0.5:
            sealed, wrapped = kept.pop(chance.randrange(len(kept)))
            vault.destroy(sealed.commitment, where="entry")
            erased.append(wrapped)
    data = vault.path.read_bytes()
    assert erased
    assert not [wrapped for wrapped in erased if wrapped in data]
    assert all(data.count(wrapped) == 1 for _, wrapped in kept)


def test_destroying_may_be_repeated_until_the_log_has_heard_of_it(vault: Vault, keep: Callable[..., Sealed]) -> None:
    sealed = keep(b"content")
    vault.destroy(sealed.commitment, where="entry 0")
    vault.destroy(sealed.commitment, where="entry 0")
    vault.note_erasure(sealed.commitment, entry=Index(1))
    with pytest.raises(EntryErased):
        vault.destroy(sealed.commitment, where="entry 0")


def test_a_changed_or_missing_payload_is_found(vault: Vault, keep: Callable[..., Sealed]) -> None:
    changed, swapped, missing = keep(b"one"), keep(b"two"), keep(b"three")
    with closing(sqlite3.connect(vault.path)) as rows, rows:
        rows.execute("UPDATE payloads SET payload = x'00' WHERE commitment = ?", (changed.commitment,))
        rows.execute("UPDATE keys SET wrapped = zeroblob(39) || x'01' WHERE commitment = ?", (swapped.commitment,))
        rows.execute("DELETE FROM payloads WHERE commitment = ?", (missing.commitment,))
    for commitment in (changed.commitment, swapped.commitment, missing.commitment, b"unknown"):
        with pytest.raises(VaultDamaged) as failure:
            vault.content(commitment, where="entry 4")
        assert failure.value.where == "entry 4"


def test_a_file_that_is_no_vault_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 50)
    before = path.read_bytes()
    with pytest.raises(VaultDamaged):
        Vault.open(path, master=MASTER)
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnwritable):
        Vault.open(tmp_path / "missing" / "vault.db", master=MASTER)


def test_waiting_for_another_writer_ends(vault: Vault, entry: Entry, now: datetime) -> None:
    impatient = replace(vault, patience=0.05)
    with closing(sqlite3.connect(vault.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerBusy):
            impatient.keep(seal(entry, key=RecordKey(b"\x05" * 32), at=now), key=RecordKey(b"\x05" * 32))
