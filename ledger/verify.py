"""Receipts and whole logs, checked with public keys alone: no server, no network, no clock of ours.

No function answers False: what returns a ``Verified`` has been verified, and all else raises and says what is broken.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ledger.entry import LeafBytes
from ledger.lines import NAME as LOG_NAME
from ledger.lines import open_log, read_lines
from ledger.note import Checkpoint, PublicKey, find_signature, parse_checkpoint, parse_public_key
from ledger.tiles import WIDTH, Tile, expected_tiles, pack_entry, parse_tile_path, subtree_hashes
from ledger.tree import (
    HASH_SIZE,
    Hash,
    Index,
    Proof,
    Size,
    check_inclusion,
    leaf_hash,
    perfect_root,
    tree_root,
)
from strokemap.errors import (
    CheckpointMalformed,
    CheckpointMissing,
    LedgerKeyInvalid,
    ProofMismatch,
    QuorumMissing,
    ReceiptMalformed,
    TileDamaged,
)

KEY_NAME = "vkey"
CHECKPOINT_NAME = "checkpoint"
_MAX_RECEIPT = 256 * 1024
_PATIENCE = 5.0
_COMPARE = "Compare it with a mirror's copy, and find out who could write here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom a verifier believes: the log's key, and how many of which witnesses must have signed."""

    log: PublicKey
    witnesses: tuple[PublicKey, ...] = ()
    threshold: int = 0

    @classmethod
    def of(cls, text: str) -> Trust:
        """Trust one log, given the text of its file ``vkey``, without witnesses. Errors: LedgerKeyInvalid."""
        return cls(log=parse_public_key(text.removesuffix("\n")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found true. Made by this file only."""

    origin: str
    size: Size
    root: Hash
    index: Index | None = None
    """The entry that a receipt proved; None for a whole log."""
    pending: int = 0
    """Entries that are durable but that no checkpoint covers yet: checked, not proven."""
    witnesses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The proof that an entry is in the log: one file that needs nothing but public keys to be checked.

    The text is a C2SP tlog-proof; its ``extra`` line carries the leaf, which the proof itself then vouches for.
    """

    index: Index
    leaf: LeafBytes
    proof: Proof
    checkpoint: Checkpoint

    @property
    def text(self) -> str:
        """The whole receipt."""
        head = ["c2sp.org/tlog-proof@v1", f"extra {_base64(self.leaf)}", f"index {self.index}"]
        return "\n".join([*head, *map(_base64, self.proof), "", self.checkpoint.text])


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt: ``parse_receipt(data).text == data``. Errors: ReceiptMalformed with the line."""
    head, _, note = data[: _MAX_RECEIPT + 1].partition(b"\n\n")
    at = 0
    try:
        lines = head.decode("ascii").split("\n")
        at = 1
        leaf = LeafBytes(base64.b64decode(lines[1].removeprefix("extra ")))
        at = 2
        index = Index(int(lines[2].removeprefix("index ")))
        proof: list[Hash] = []
        for at in range(3, len(lines)):
            proof.append(Hash(base64.b64decode(lines[at])))
        checkpoint = parse_checkpoint(note, where="receipt", first_line=len(lines) + 2)
    except (ValueError, IndexError):
        raise _malformed(f"receipt:{at + 1}") from None
    except CheckpointMalformed as error:
        raise _malformed(error.where) from None
    receipt = Receipt(index=index, leaf=leaf, proof=tuple(proof), checkpoint=checkpoint)
    for number, (line, again) in enumerate(zip(lines, receipt.text.split("\n"), strict=False), start=1):
        if line != again:
            raise _malformed(f"receipt:{number}")
    if receipt.text.encode() != data or any(len(item) != HASH_SIZE for item in proof):
        raise _malformed("receipt")
    return receipt


def _malformed(where: str | None) -> ReceiptMalformed:
    return ReceiptMalformed(
        "The receipt is not written as the format has it.", hint="Fetch it again, byte for byte.", where=where
    )


def verify_receipt(receipt: Receipt, *, leaf: LeafBytes, trust: Trust) -> Verified:
    """Check 1 the log's key, 2 the witnesses, 3 that ``leaf`` is the log's entry. Errors: ProofMismatch, QuorumMissing.

    Pass ``receipt.leaf`` to learn what the receipt proves, or a leaf of your own to learn whether it is the one.
    """
    witnesses = check_checkpoint(receipt.checkpoint, trust=trust, where="receipt")
    size, root = receipt.checkpoint.size, receipt.checkpoint.root
    check_inclusion(leaf_hash(leaf), index=receipt.index, size=size, proof=receipt.proof, root=root)
    return Verified(origin=trust.log.name, size=size, root=root, index=receipt.index, witnesses=witnesses)


def check_checkpoint(checkpoint: Checkpoint, *, trust: Trust, where: str) -> tuple[str, ...]:
    """Return the witnesses that signed, when the log did and they are enough. Errors: ProofMismatch, QuorumMissing."""
    key = trust.log
    if checkpoint.origin != key.name or find_signature(checkpoint, key=key, where=where) is None:
        raise ProofMismatch(
            f"The checkpoint is not signed by the log {key.name}.", hint="Ask for this log's public key.", where=where
        )
    found = [key.name for key in trust.witnesses if find_signature(checkpoint, key=key, where=where)]
    if len(found) < trust.threshold:
        raise QuorumMissing(
            f"{len(found)} of the trusted witnesses have signed, {trust.threshold} are needed.",
            hint="Wait for the next checkpoint, or fetch this one again.",
            where=where,
        )
    return tuple(found)


def verify_log(folder: Path, *, trust: Trust) -> Verified:
    """Hash every entry of the log anew and compare all of it with every tile and with the signed checkpoint.

    Any changed byte of the log file, a tile, the checkpoint or the public key is found and named. Entries that no
    checkpoint covers yet are checked line by line and counted as pending. Nobody may publish meanwhile.
    Errors: CheckpointMalformed, CheckpointMissing, LogDamaged, TileDamaged, ProofMismatch, QuorumMissing.
    """
    checkpoint = read_checkpoint(folder)
    witnesses = check_checkpoint(checkpoint, trust=trust, where=f"ledger/{CHECKPOINT_NAME}")
    _check_key(folder, trust)
    with open_log(folder, patience=_PATIENCE, exclusive=False) as handle:
        length = handle.seek(0, 2)
    with (folder / LOG_NAME).open("rb") as handle:
        tree = Tree.over(read_lines(handle, length=length))
        if tree.size < checkpoint.size:
            raise _mismatch(f"The log has {tree.size} entries", tree, checkpoint, where=f"ledger/{LOG_NAME}")
        _check_tiles(folder, tree, checkpoint, read_lines(handle, length=length))
    if tree.root(checkpoint.size) != checkpoint.root:
        raise _mismatch("Log and tiles agree with each other", tree, checkpoint, where=f"ledger/{CHECKPOINT_NAME}")
    return Verified(
        origin=trust.log.name,
        size=checkpoint.size,
        root=checkpoint.root,
        pending=tree.size - checkpoint.size,
        witnesses=witnesses,
    )


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read the published checkpoint without its signatures. Errors: CheckpointMissing, CheckpointMalformed."""
    try:
        data = (folder / CHECKPOINT_NAME).read_bytes()
    except OSError:
        raise CheckpointMissing(
            "The ledger has no checkpoint.", hint="Publish first.", where=f"ledger/{CHECKPOINT_NAME}"
        ) from None
    return parse_checkpoint(data)


def _check_key(folder: Path, trust: Trust) -> None:
    path = folder / KEY_NAME
    if path.exists() and path.read_bytes() != f"{trust.log.text}\n".encode():
        raise LedgerKeyInvalid(
            "The public key that lies beside the log is not the one that signed it.",
            hint=_COMPARE,
            where=f"ledger/{KEY_NAME}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """All hashes of a log, computed from its entries; 33 bytes an entry."""

    size: int
    levels: tuple[bytes, ...]

    @classmethod
    def over(cls, leaves: Iterator[LeafBytes]) -> Tree:
        """Hash every entry and every full tile above it."""
        levels = [b"".join(map(leaf_hash, leaves))]
        full = WIDTH * HASH_SIZE
        while len(levels[-1]) >= full:
            below = levels[-1]
            levels.append(b"".join([perfect_root(below[i : i + full]) for i in range(0, len(below) - full + 1, full)]))
        return cls(size=len(levels[0]) // HASH_SIZE, levels=tuple(levels))

    def tile(self, level: int, number: int) -> bytes:
        """Give the hashes of a tile, as many as the log has."""
        start = number * WIDTH * HASH_SIZE
        return self.levels[level][start : start + WIDTH * HASH_SIZE] if level < len(self.levels) else b""

    def root(self, size: Size) -> Hash:
        """Give the root over the first ``size`` entries."""
        return tree_root(size, hashes=subtree_hashes(self.tile))


def _check_tiles(folder: Path, tree: Tree, checkpoint: Checkpoint, leaves: Iterator[LeafBytes]) -> None:
    stored = sorted(_stored_tiles(folder), key=lambda tile: (tile.number, tile.width))
    names = {tile.path for tile in stored}
    for tile in expected_tiles(checkpoint.size):
        # A partial tile may be cleaned away once the full one exists.
        if not names & {tile.path, Tile(level=tile.level, number=tile.number).path}:
            raise TileDamaged("A tile is missing.", hint=_COMPARE, where=tile.where)
    number, chunk = -1, [b""]
    for tile in stored:
        data = (folder / tile.path).read_bytes()
        if tile.level is not None:
            width = tile.width * HASH_SIZE
            if len(data) != width or data != tree.tile(tile.level, tile.number)[:width]:
                raise _mismatch("A tile holds other hashes than the log's", tree, checkpoint, where=tile.where)
            continue
        while number < tile.number and chunk:
            number, chunk = number + 1, list(map(pack_entry, islice(leaves, WIDTH)))
        if len(chunk) < tile.width or data != b"".join(chunk[: tile.width]):
            raise _mismatch("A bundle holds other entries than the log", tree, checkpoint, where=tile.where)


def _stored_tiles(folder: Path) -> Iterator[Tile]:
    for path in (folder / "tile").rglob("*"):
        # A leading dot marks what a killed writer left; it has no place in the tree and is cleaned away.
        if not path.is_dir() and not path.name.startswith("."):
            yield parse_tile_path(path.relative_to(folder).as_posix())


def _mismatch(finding: str, tree: Tree, checkpoint: Checkpoint, *, where: str) -> ProofMismatch:
    computed = tree.root(checkpoint.size).hex() if tree.size >= checkpoint.size else "none"
    return ProofMismatch(
        f"{finding}; over {checkpoint.size} entries of the log: root computed {computed}, "
        f"root signed {checkpoint.root.hex()}.",
        hint=_COMPARE,
        where=where,
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
