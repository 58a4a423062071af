"""Payloads, wrapped keys, erasure: the one place where what was asked can be read again, and made unreadable.

Each payload is encrypted under its own key, which lies here wrapped by the vault's master key, which lies outside home.
To erase is to overwrite the wrapped key in place with zeros. Rows of ``keys`` are only ever added at the end or
overwritten at the same length: SQLite then never moves one, and no older copy of a key stays behind in the file. The
payload is deleted under ``secure_delete``. What this can't reach: copies on backups (keep them shorter than you promise
to erase) and worn-out blocks of the disk, which hold no more than a key that still needs the master key.
"""

from __future__ import annotations

import contextlib
import hmac
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ledger.crypto import WRAPPED_SIZE, unwrap, vault_damaged, wrap
from ledger.entry import RecordKey, Sealed, unseal
from ledger.lines import PATIENCE
from ledger.note import Checkpoint, parse_checkpoint
from ledger.tiles import unwritable
from ledger.tree import Index
from strokemap.errors import EntryErased, FormatUnknown, LedgerBusy, LedgerError, VaultKeyWrong

FORMAT = "strokemap-vault-1"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS payloads (commitment BLOB PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS keys (id INTEGER PRIMARY KEY, commitment BLOB NOT NULL UNIQUE, wrapped BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS erasures (commitment BLOB PRIMARY KEY, entry INTEGER NOT NULL);
"""
_ERASED = bytes(WRAPPED_SIZE)
_MISSING = "The vault has no payload for this entry."


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """The payloads of one home. Any thread and process may use it; each call has a connection of its own."""

    path: Path
    master: bytes = field(repr=False)
    patience: float = PATIENCE

    @classmethod
    def open(cls, path: Path, *, master: bytes) -> Vault:
        """Open a vault, making it if it is not there. Errors: VaultKeyWrong, FormatUnknown, VaultDamaged."""
        vault = cls(path=path, master=master)
        check = hmac.digest(master, b"strokemap/vault/check", "sha256")
        with vault._transaction() as rows:
            for statement in _SCHEMA.split(";"):
                rows.execute(statement)
            rows.execute("INSERT OR IGNORE INTO about VALUES ('format', ?), ('check', ?)", (FORMAT, check))
            about = dict(rows.execute("SELECT name, CAST(value AS BLOB) FROM about").fetchall())
        if about["format"] != FORMAT.encode():
            raise FormatUnknown(
                "The vault was written by another version of Strokemap.", hint="Use that version.", where=str(path)
            )
        if not hmac.compare_digest(about["check"], check):
            raise VaultKeyWrong(
                "The vault was made with another master key.",
                hint="Give the keys folder that belongs to this home (STROKEMAP_KEYS).",
                where=str(path),
            )
        return vault

    def keep(self, sealed: Sealed, *, key: RecordKey) -> None:
        """Store a payload with its wrapped key; durable on return. Errors: LedgerBusy, VaultDamaged."""
        wrapped = wrap(key, master=self.master)
        with self._transaction() as rows:
            rows.execute("INSERT INTO payloads VALUES (?, ?)", (sealed.commitment, sealed.payload))
            rows.execute("INSERT INTO keys (commitment, wrapped) VALUES (?, ?)", (sealed.commitment, wrapped))

    def content(self, commitment: bytes, *, where: str) -> bytes:
        """Give a content back, byte for byte. Errors: EntryErased, VaultDamaged."""
        query = """SELECT CAST(wrapped AS BLOB), CAST(payload AS BLOB)
                   FROM keys LEFT JOIN payloads USING (commitment) WHERE commitment = ?"""
        with self._transaction(begin="BEGIN") as rows:
            wrapped, payload = rows.execute(query, (commitment,)).fetchone() or (b"", None)
        if wrapped == _ERASED:
            raise _erased(where)
        if payload is None:
            raise vault_damaged(_MISSING, where=where)
        key = RecordKey(unwrap(wrapped, master=self.master, where=where))
        return unseal(payload, key=key, commitment=commitment, where=where)

    def destroy(self, commitment: bytes, *, where: str) -> None:
        """Make a content unreadable for good; durable on return.

        May be repeated until ``note_erasure``: a crash in between must not keep the log from hearing of it.
        Errors: EntryErased when all was done before, VaultDamaged.
        """
        with self._transaction() as rows:
            if rows.execute("SELECT 1 FROM erasures WHERE commitment = ?", (commitment,)).fetchone():
                raise _erased(where)
            if not rows.execute("UPDATE keys SET wrapped = ? WHERE commitment = ?", (_ERASED, commitment)).rowcount:
                raise vault_damaged(_MISSING, where=where)
            rows.execute("DELETE FROM payloads WHERE commitment = ?", (commitment,))

    def note_erasure(self, commitment: bytes, *, entry: Index) -> None:
        """Remember which entry of the log says that a content was erased."""
        with self._transaction() as rows:
            rows.execute("INSERT OR IGNORE INTO erasures VALUES (?, ?)", (commitment, entry))

    def checkpoint(self) -> Checkpoint | None:
        """Give the last checkpoint that was noted, None before the first. Errors: LedgerBusy, CheckpointMalformed."""
        with self._transaction(begin="BEGIN") as rows:
            return _noted(rows)

    def note_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a copy of a checkpoint outside the ledger's folder, unless a later one is here; durable on return."""
        with self._transaction() as rows:
            noted = _noted(rows)
            if noted is None or noted.size < checkpoint.size:
                rows.execute("INSERT OR REPLACE INTO about VALUES ('checkpoint', ?)", (checkpoint.text.encode(),))

    @contextlib.contextmanager
    def _transaction(self, *, begin: str = "BEGIN IMMEDIATE") -> Iterator[sqlite3.Connection]:
        try:
            if not self.path.exists():
                self.path.touch(mode=0o600)
            connection = sqlite3.connect(self.path, timeout=self.patience, isolation_level=None)
            with contextlib.closing(connection) as rows:
                # TRUNCATE, not WAL: SQLite before 3.51.3 can damage a WAL that two processes reset at once.
                # FULL costs four syncs, each for a power cut at another moment: the journal before its header counts it
                # (else what is rolled back may never have been written); the header before the database is touched;
                # the database before the journal is emptied; the emptied journal before the caller goes on (else what
                # was acknowledged, and may stand on the log by then, is rolled back).
                for setting in ("journal_mode = TRUNCATE", "synchronous = FULL", "secure_delete = ON"):
                    rows.execute(f"PRAGMA {setting}")
                rows.execute(begin)
                # Closing rolls back what was not committed.
                yield rows
                rows.execute("COMMIT")
        except OSError as error:
            raise unwritable(error, where=str(self.path)) from None
        except sqlite3.DatabaseError as error:
            raise _explain(error, where=str(self.path)) from None


def _noted(rows: sqlite3.Connection) -> Checkpoint | None:
    row = rows.execute("SELECT CAST(value AS BLOB) FROM about WHERE name = 'checkpoint'").fetchone()
    return parse_checkpoint(row[0], where="vault.db") if row else None


def _explain(error: sqlite3.DatabaseError, *, where: str) -> LedgerError:
    code = error.sqlite_errorcode & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LedgerBusy("Another process is writing to the vault.", hint="Try again.", where=where)
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return unwritable(OSError(0, str(error)), where=where)
    return vault_damaged(f"The vault can't be used: {error}.", where=where)


def _erased(where: str) -> EntryErased:
    return EntryErased(
        "The content of this entry was erased.", hint="The proof that it was on the log still holds.", where=where
    )
