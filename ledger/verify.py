"""Receipts and whole logs, checked with public keys alone: no server, no network, no clock of ours.

No function answers False: what returns a ``Verified`` has been verified, and all else raises and says what is broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger.entry import LeafBytes
from ledger.lines import NAME as LOG_NAME
from ledger.lines import read_lines
from ledger.note import (
    COSIGNATURE_ED25519,
    NOTE_ED25519,
    Checkpoint,
    Lines,
    PublicKey,
    find_signature,
    parse_checkpoint,
    parse_public_key,
    read_base64,
    read_hash,
    read_note,
    read_number,
    write_base64,
)
from ledger.tiles import Tile, Tiles, expected_tiles, parse_tile_path, unpack_bundle, unwritable
from ledger.tree import (
    HASH_SIZE,
    Hash,
    HashReader,
    Index,
    Proof,
    Size,
    check_inclusion,
    hash_leaves,
    leaf_hash,
    tree_root,
)
from strokemap.errors import (
    CheckpointMissing,
    LedgerKeyInvalid,
    ProofMismatch,
    QuorumMissing,
    ReceiptMalformed,
    TileDamaged,
)

KEY_NAME = "vkey"
CHECKPOINT_NAME = "checkpoint"
_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_MAX_RECEIPT = 256 * 1024
_COMPARE = "Compare it with a mirror's copy or a backup, restore it, and find out who could write here."


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom a verifier believes: the log's key, and how many of which witnesses must have signed.

    Errors: LedgerKeyInvalid unless each of them has a key of its own, made for what it signs: nobody counts twice.
    """

    log: PublicKey
    witnesses: tuple[PublicKey, ...] = ()
    threshold: int = 0

    def __post_init__(self) -> None:
        keys = (self.log, *self.witnesses)
        kinds = [NOTE_ED25519, *[COSIGNATURE_ED25519] * len(self.witnesses)]
        if len({key.public for key in keys}) < len(keys) or [key.kind for key in keys] != kinds:
            raise LedgerKeyInvalid(
                "A log and its witnesses need a key each, of the kind that logs and witnesses sign with.",
                hint="Ask each witness for its own public key.",
            )

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
        head = [_FIRST_LINE, f"extra {write_base64(self.leaf)}", f"index {self.index}"]
        return "\n".join([*head, *map(write_base64, self.proof), "", self.checkpoint.text])


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt: ``parse_receipt(data).text == data``. Errors: ReceiptMalformed with the line."""
    lines = Lines(data, most=_MAX_RECEIPT)
    try:
        if lines.take() != _FIRST_LINE:
            raise ValueError
        leaf = LeafBytes(read_base64(_cut(lines.take(), "extra ")))
        index = Index(read_number(_cut(lines.take(), "index ")))
        proof: list[Hash] = []
        while line := lines.take():
            proof.append(read_hash(line))
        return Receipt(index=index, leaf=leaf, proof=tuple(proof), checkpoint=read_note(lines))
    except ValueError:
        raise ReceiptMalformed(
            "The receipt is not written as the format has it.",
            hint="Fetch it again, byte for byte.",
            where=f"receipt:{lines.number}",
        ) from None


def _cut(line: str, label: str) -> str:
    if not line.startswith(label):
        raise ValueError
    return line.removeprefix(label)


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
            f"The checkpoint is not signed by the log {key.name}.",
            hint="Give the public key of the log that signed it: ledger verify --receipt FILE --key FILE.",
            where=where,
        )
    found = [key.name for key in trust.witnesses if find_signature(checkpoint, key=key, where=where)]
    if len(found) < trust.threshold:
        raise QuorumMissing(
            f"{len(found)} of the trusted witnesses have signed, {trust.threshold} are needed.",
            hint="Wait for the next checkpoint, or fetch this one again.",
            where=where,
        )
    return tuple(found)


def verify_log(folder: Path, *, trust: Trust, before: Checkpoint | None = None) -> Verified:
    """Hash every entry of the log anew and compare all of it with every tile and with the signed checkpoint.

    Any changed byte of the log file, a tile, the checkpoint or the public key is found and named; with a checkpoint
    that was seen ``before``, a whole log that does not contain it, too. Entries that no checkpoint covers yet are
    checked line by line and counted as pending. Nobody may publish meanwhile.
    Errors: CheckpointMalformed, CheckpointMissing, LogDamaged, TileDamaged, ProofMismatch, QuorumMissing.
    """
    checkpoint = read_checkpoint(folder)
    witnesses = check_checkpoint(checkpoint, trust=trust, where=f"ledger/{CHECKPOINT_NAME}")
    check_key(folder, trust.log)
    hashes = hash_leaves(read_lines(folder))
    size, root = len(hashes) // HASH_SIZE, checkpoint.root
    if size < checkpoint.size:
        raise _mismatch(f"The log has {size} entries, {checkpoint.size} were signed", None, root, LOG_NAME)
    tiles = Tiles(folder=folder)
    grown = list(tiles.grow(hashes, size=0))
    computed = tree_root(checkpoint.size, hashes=tiles.hashes(checkpoint.size, made=grown))
    broken = _find_broken_tile(tiles, {(tile.level, tile.number): data for tile, data in grown}, checkpoint.size)
    if broken:
        raise _mismatch("A tile holds something else than the log", computed, root, broken.path)
    if computed != root:
        raise _mismatch("Log and tiles agree with each other", computed, root, CHECKPOINT_NAME)
    if before:
        check_contains(before, size=checkpoint.size, hashes=tiles.hashes(checkpoint.size, made=grown))
    return Verified(
        origin=trust.log.name,
        size=checkpoint.size,
        root=root,
        pending=size - checkpoint.size,
        witnesses=witnesses,
    )


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read the published checkpoint; no signature is checked. Errors: CheckpointMissing, CheckpointMalformed."""
    where = f"ledger/{CHECKPOINT_NAME}"
    try:
        data = (folder / CHECKPOINT_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        hint = "A ledger has one from its beginning: restore the folder from a backup or a mirror."
        raise CheckpointMissing("The ledger has no checkpoint.", hint=hint, where=where) from None
    except OSError as error:
        # Not the same as none: with none, the log would be signed from the beginning.
        raise unwritable(error, where=where) from None
    return parse_checkpoint(data)


def check_contains(before: Checkpoint, *, size: Size, hashes: HashReader) -> None:
    """Return when a log of ``size`` entries follows from what was signed ``before``. Errors: ProofMismatch."""
    computed = tree_root(before.size, hashes=hashes) if before.size <= size else None
    if computed != before.root:
        finding = f"The ledger does not follow from its checkpoint over {before.size} entries"
        raise _mismatch(finding, computed, before.root, CHECKPOINT_NAME)


def check_key(folder: Path, key: PublicKey) -> None:
    """Return when the public key that lies beside the log, if one does, is the one given. Errors: LedgerKeyInvalid."""
    path = folder / KEY_NAME
    if path.exists() and path.read_bytes() != f"{key.text}\n".encode():
        raise LedgerKeyInvalid(
            "The public key that lies beside the log is not the one of its keys.",
            hint="Give the keys folder that belongs to this home (STROKEMAP_KEYS), or restore the file from a mirror.",
            where=f"ledger/{KEY_NAME}",
        )


def _find_broken_tile(tiles: Tiles, grown: dict[tuple[int | None, int], bytes], size: int) -> Tile | None:
    """Compare every stored tile with those grown from the log; None where all are there and right."""
    stored = sorted(_stored_tiles(tiles.folder), key=lambda tile: (tile.number, tile.width))
    names = {tile.path for tile in stored}
    for tile in expected_tiles(size):
        # A partial tile may be cleaned away once the full one exists.
        if not names & {tile.path, Tile(level=tile.level, number=tile.number).path}:
            raise TileDamaged("A tile is missing.", hint=_COMPARE, where=f"ledger/{tile.path}")
    for tile in stored:
        data = (tiles.folder / tile.path).read_bytes()
        if tile.level is None:
            data = hash_leaves(unpack_bundle(data, tile=tile))
        # The log may have gone on since an older partial tile was stored; an empty answer fits no tile.
        if data != grown.get((tile.level or 0, tile.number), b"")[: tile.width * HASH_SIZE] or not data:
            return tile
    return None


def _stored_tiles(folder: Path) -> Iterator[Tile]:
    for path in (folder / "tile").rglob("*"):
        # A leading dot marks what a killed writer left; it has no place in the tree and is cleaned away.
        if not path.is_dir() and not path.name.startswith("."):
            yield parse_tile_path(path.relative_to(folder).as_posix())


def _mismatch(finding: str, computed: Hash | None, signed: Hash, name: str) -> ProofMismatch:
    roots = f"root computed {computed.hex() if computed else 'none'}, root signed {signed.hex()}"
    if computed == signed:
        roots = "the log itself has the root that was signed"
    return ProofMismatch(f"{finding}: {roots}.", hint=_COMPARE, where=f"ledger/{name}")
