"""Durable append and publication: start reading here.

``append`` makes an entry durable in the log file and gives its index; any process may call it. ``publish`` derives
tiles from what was appended, signs the new root, and puts the checkpoint in place last, so that whoever sees it finds
all its tiles. A crash loses nothing that was acknowledged; the next ``publish`` does again what was cut short.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ledger.entry import Entry, LeafBytes, RecordKey, parse_leaf, seal
from ledger.lines import append_line, hold, mend, open_log, read_tail
from ledger.note import Checkpoint, Signer, find_signature
from ledger.tiles import Edge, Tiles, make_folder, unwritable
from ledger.tree import EMPTY_ROOT, Hash, Index, Size, check_inclusion, leaf_hash, prove_inclusion
from ledger.vault import Vault
from ledger.verify import CHECKPOINT_NAME, Receipt, read_checkpoint
from strokemap.errors import CheckpointMissing, EntryUnknown, LogDamaged, ProofMismatch, ReceiptNotYet
from strokemap.home import replace_file

_LOCK_NAME = "publish.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The log in one folder. Any thread and process may use it; nothing is kept open between calls."""

    folder: Path
    patience: float = 5.0
    """Seconds to wait for another process before LedgerBusy."""

    @property
    def tiles(self) -> Tiles:
        """The tiles of this log."""
        return Tiles(folder=self.folder)

    def append(self, leaf: LeafBytes) -> Index:
        """Add an entry; durable on return, indexes without gaps. Errors: LedgerBusy, LedgerUnwritable, LogDamaged."""
        with open_log(self.folder, patience=self.patience, exclusive=True) as handle:
            return append_line(handle, leaf, least=self.published())

    def size(self) -> Size:
        """Give how many entries are durable, published or not."""
        if not (self.folder / "log").exists():
            return Size(0)
        with open_log(self.folder, patience=self.patience, exclusive=False) as handle:
            return Size(read_tail(handle).size)

    def published(self) -> Size:
        """Give how many entries the checkpoint covers; 0 before the first."""
        checkpoint = self.checkpoint()
        return checkpoint.size if checkpoint else Size(0)

    def checkpoint(self) -> Checkpoint | None:
        """Give the last checkpoint, None before the first. Errors: CheckpointMalformed."""
        try:
            return read_checkpoint(self.folder)
        except CheckpointMissing:
            return None

    def leaf(self, index: Index) -> LeafBytes:
        """Give an entry, published or not. Errors: EntryUnknown, TileDamaged, LogDamaged."""
        published = self.published()
        if 0 <= index < published:
            return LeafBytes(self.tiles.entry(index, size=published))
        if published <= index < self.size():
            with open_log(self.folder, patience=self.patience, exclusive=False) as handle:
                return read_tail(handle, since=index).leaves[0]
        raise EntryUnknown(
            "The ledger has no entry of that index.", hint="See ledger status for how many it has.", where=str(index)
        )

    def since(self, size: Size) -> Sequence[LeafBytes]:
        """Give the entries from index ``size`` on, whole and durable. Errors: LedgerBusy, LogDamaged."""
        with open_log(self.folder, patience=self.patience, exclusive=True) as handle:
            mend(handle)
            # A writer may have been killed between writing its line and syncing it.
            os.fsync(handle.fileno())
            return read_tail(handle, since=size).leaves

    @contextlib.contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold the right to write tiles and checkpoint; appending goes on meanwhile. Errors: LedgerBusy."""
        try:
            make_folder(self.folder)
            with (self.folder / _LOCK_NAME).open("ab") as handle:
                hold(handle.fileno(), exclusive=True, patience=self.patience, where=f"ledger/{_LOCK_NAME}")
                yield
        except OSError as error:
            raise unwritable(error, where="ledger") from None


def record(entry: Entry, *, vault: Vault, log: Log, now: datetime, random_bytes: Callable[[int], bytes]) -> Index:
    """Seal an entry, keep its payload, append its leaf; durable on return.

    The vault goes first: a crash may leave a payload that nothing refers to, never a leaf that nobody can open.
    Errors: EntryInvalid, LedgerBusy, LedgerUnwritable, LogDamaged, VaultDamaged.
    """
    key = RecordKey(random_bytes(32))
    sealed = seal(entry, key=key, at=now)
    vault.keep(sealed, key=key)
    return log.append(sealed.leaf)


def publish(log: Log, *, sign: Signer) -> Checkpoint:
    """Write tiles and a signed checkpoint over all that was appended; durable on return.

    Never signs what does not follow from the checkpoint before: the tree is carried on from that checkpoint's own right
    edge, whose root must be the one that was signed. With nothing new the checkpoint stays as it is.
    Errors: LedgerBusy, LedgerUnwritable, LogDamaged, TileDamaged, ProofMismatch.
    """
    with log.publishing():
        signed = log.checkpoint()
        if signed and (signed.origin != sign.name or find_signature(signed, key=sign.key) is None):
            raise ProofMismatch(
                "The last checkpoint was signed by another key.",
                hint="Give the keys folder that belongs to this home (STROKEMAP_KEYS).",
                where=f"ledger/{CHECKPOINT_NAME}",
            )
        edge, leaves = _carry_on(log, signed)
        if signed and edge.size == signed.size and not leaves:
            return signed
        for leaf in leaves:
            for tile, data in edge.append(leaf):
                log.tiles.write(tile, data)
        for tile, data in edge.partial():
            log.tiles.write(tile, data)
        if signed and edge.size == signed.size:
            return signed
        checkpoint = sign.sign(size=Size(edge.size), root=edge.root())
        replace_file(log.folder / CHECKPOINT_NAME, checkpoint.text)
        log.tiles.clean()
        return checkpoint


def _carry_on(log: Log, signed: Checkpoint | None) -> tuple[Edge, Sequence[LeafBytes]]:
    """Give the edge at the last checkpoint and the entries after it; where all tiles are gone, start from nothing."""
    size, root = (signed.size, signed.root) if signed else (Size(0), EMPTY_ROOT)
    if size and not (log.folder / "tile").exists():
        leaves = log.since(Size(0))
        edge = Edge()
        for leaf in leaves[:size]:
            edge.append(leaf)
        _check_edge(edge, size=size, root=root)
        return Edge(), leaves
    edge = Edge.load(log.tiles, size=size)
    _check_edge(edge, size=size, root=root)
    leaves = log.since(size)
    if log.size() < size:
        raise LogDamaged(
            "The log has fewer entries than were signed.", hint="Restore it from a mirror.", where="ledger/log"
        )
    return edge, leaves


def _check_edge(edge: Edge, *, size: Size, root: Hash) -> None:
    if edge.size != size or edge.root() != root:
        raise ProofMismatch(
            f"The ledger does not follow from its last checkpoint: root computed {edge.root().hex()}, "
            f"root signed {root.hex()}. Nothing was signed.",
            hint="Run ledger verify; restore what it names from a mirror or a backup.",
            where=f"ledger/{CHECKPOINT_NAME}",
        )


def make_receipt(index: Index, *, log: Log) -> Receipt:
    """Give the proof that an entry is in the log, checked before it is given.

    Errors: ReceiptNotYet until the entry is published, EntryUnknown, TileDamaged, ProofMismatch.
    """
    leaf, checkpoint = log.leaf(index), log.checkpoint()
    if checkpoint is None or index >= checkpoint.size:
        raise ReceiptNotYet(
            "The entry is not published yet.", hint="Try again after the next publication.", where=f"entry {index}"
        )
    size, root = checkpoint.size, checkpoint.root
    proof = prove_inclusion(index, size=size, hashes=log.tiles.hashes(size))
    check_inclusion(leaf_hash(leaf), index=index, size=size, proof=proof, root=root)
    return Receipt(index=index, leaf=leaf, proof=proof, checkpoint=checkpoint)


def open_entry(index: Index, *, vault: Vault, log: Log) -> bytes:
    """Give what was asked and answered, byte for byte. Errors: EntryUnknown, EntryErased, VaultDamaged, LogDamaged."""
    where = f"entry {index}"
    return vault.content(parse_leaf(log.leaf(index), where=where).commitment, where=where)


def erase(
    index: Index,
    *,
    vault: Vault,
    log: Log,
    by: Entry,
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> Index:
    """Destroy the content of an entry, and log that; ``by`` says who, and in its content why. Gives the new entry.

    The vault goes first here, too: what the log says was erased, is erased. After a crash in between, erase again.
    Errors: EntryUnknown, EntryErased, EntryInvalid, LedgerBusy, LedgerUnwritable, VaultDamaged.
    """
    where = f"entry {index}"
    commitment = parse_leaf(log.leaf(index), where=where).commitment
    vault.destroy(commitment, where=where)
    erasure = record(by, vault=vault, log=log, now=now, random_bytes=random_bytes)
    vault.note_erasure(commitment, entry=erasure)
    return erasure
