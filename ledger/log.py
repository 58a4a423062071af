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

from ledger.entry import Entry, LeafBytes, RecordKey, seal
from ledger.lines import END, PATIENCE, Tail, append_line, hold, mend, open_log, read_tail
from ledger.lines import NAME as LOG_NAME
from ledger.note import Checkpoint, Signer, find_signature
from ledger.tiles import WIDTH, Tiles, make_folder, pack_bundles, unwritable
from ledger.tree import (
    Index,
    Size,
    check_inclusion,
    hash_leaves,
    leaf_hash,
    prove_inclusion,
    tree_root,
)
from ledger.vault import Vault
from ledger.verify import CHECKPOINT_NAME, Receipt, check_contains, read_checkpoint
from strokemap.errors import CheckpointMissing, EntryUnknown, ProofMismatch, ReceiptNotYet
from strokemap.home import replace_file

_LOCK_NAME = "publish.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The log in one folder. Any thread and process may use it; nothing is kept open between calls."""

    folder: Path
    patience: float = PATIENCE

    @property
    def tiles(self) -> Tiles:
        """The tiles of this log."""
        return Tiles(folder=self.folder)

    def append(self, leaf: LeafBytes, *, least: int = 0) -> Index:
        """Add an entry; durable on return, indexes without gaps; ``least`` entries are known to have been signed.

        Errors: LedgerBusy, LedgerUnwritable, LogDamaged.
        """
        with open_log(self.folder, patience=self.patience, exclusive=True) as handle:
            return append_line(handle, leaf, least=max(least, self.published()))

    def size(self) -> Size:
        """Give how many entries are durable, published or not."""
        return Size(self._tail().size) if (self.folder / LOG_NAME).exists() else Size(0)

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
            return LeafBytes(self.tiles.entries(index // WIDTH, size=published)[index % WIDTH])
        if published <= index < self.size():
            return self._tail(since=index).leaves[0]
        raise EntryUnknown(
            "The ledger has no entry of that index.", hint="See ledger status for how many it has.", where=str(index)
        )

    def since(self, size: Size) -> Sequence[LeafBytes]:
        """Give the entries from index ``size`` on, whole and durable. Errors: LedgerBusy, LogDamaged."""
        with open_log(self.folder, patience=self.patience, exclusive=True) as handle:
            leaves = mend(handle, least=self.published(), since=size).leaves
            if leaves:
                # A writer may have been killed between writing its line and syncing it.
                os.fsync(handle.fileno())
            return leaves

    def _tail(self, *, since: int = END) -> Tail:
        with open_log(self.folder, patience=self.patience, exclusive=False) as handle:
            return read_tail(handle, since=since)

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
    before = vault.checkpoint()
    vault.keep(sealed, key=key)
    return log.append(sealed.leaf, least=before.size if before else 0)


def publish(log: Log, *, sign: Signer, before: Checkpoint | None = None) -> Checkpoint:
    """Write tiles and a signed checkpoint over all that was appended; durable on return.

    Never signs what does not follow from the last checkpoint, nor from the one that was kept elsewhere ``before``: the
    tree is carried on from the last one's right edge, and must have the roots that were signed. With nothing new the
    checkpoint stays as it is.
    Errors: LedgerBusy, LedgerUnwritable, LogDamaged, TileDamaged, CheckpointMissing, ProofMismatch.
    """
    with log.publishing():
        signed = read_checkpoint(log.folder) if before else log.checkpoint()
        if signed and (signed.origin != sign.name or find_signature(signed, key=sign.key) is None):
            raise ProofMismatch(
                "The last checkpoint was signed by another key.",
                hint="Give the keys folder that belongs to this home (STROKEMAP_KEYS).",
                where=f"ledger/{CHECKPOINT_NAME}",
            )
        size = signed.size if signed else Size(0)
        start = size if (log.folder / "tile").exists() else Size(0)
        loose, leaves = log.tiles.loose_entries(start), log.since(start)
        # Where the tiles are gone, the entries stand for them.
        rebuilt = log.tiles.grow(hash_leaves(leaves[: size - start]), size=0)
        hashes = log.tiles.hashes(size, made=rebuilt)
        for earlier in filter(None, (signed, before)):
            check_contains(earlier, size=size, hashes=hashes)
        entries = [*loose, *leaves] if leaves else ()
        made = [*pack_bundles(entries, first=start // WIDTH), *log.tiles.grow(hash_leaves(leaves), size=start)]
        for tile, data in made:
            log.tiles.write(tile, data)
        size = Size(start + len(leaves))
        if signed and size == signed.size:
            return signed
        checkpoint = sign.sign(size=size, root=tree_root(size, hashes=log.tiles.hashes(size, made=made)))
        replace_file(log.folder / CHECKPOINT_NAME, checkpoint.text)
        log.tiles.clean()
        return checkpoint


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
