"""Hashes and proofs of inclusion of RFC 6962, pure.

A proof is made from a ``HashReader``, which knows the hashes of whole subtrees; it does not care where these lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import NewType, TypeAlias

from strokemap.errors import ProofMismatch

Hash = NewType("Hash", bytes)
Index = NewType("Index", int)
"""The place of an entry in the log, from 0, without gaps."""
Size = NewType("Size", int)
Proof: TypeAlias = tuple[Hash, ...]
HashReader: TypeAlias = Callable[[int, int], Hash]
"""``hashes(level, number)``: the hash over the 2^level entries from ``number << level`` on."""

HASH_SIZE = 32
EMPTY_ROOT = Hash(sha256(b"").digest())


def leaf_hash(leaf: bytes) -> Hash:
    """Hash one entry. The prefix keeps a leaf from ever passing for an inner node (RFC 6962 §2.1)."""
    return Hash(sha256(b"\x00" + leaf).digest())


def hash_leaves(leaves: Iterable[bytes]) -> bytes:
    """Hash entries into a packed run of hashes, as a tile has them."""
    return b"".join(map(leaf_hash, leaves))


def node_hash(left: bytes, right: bytes) -> Hash:
    """Hash an inner node."""
    return Hash(sha256(b"\x01" + left + right).digest())


def perfect_root(hashes: bytes) -> Hash:
    """Give the root over a packed run of 1, 2, 4, 8 … hashes."""
    while len(hashes) > HASH_SIZE:
        pairs = range(0, len(hashes), 2 * HASH_SIZE)
        hashes = b"".join([sha256(b"\x01" + hashes[i : i + 2 * HASH_SIZE]).digest() for i in pairs])
    return Hash(bytes(hashes))


def tree_root(size: int, *, hashes: HashReader) -> Hash:
    """Give the root of the tree over the first ``size`` entries."""
    return _range_root(0, size, hashes) if size else EMPTY_ROOT


def _split(size: int) -> int:
    """Give the largest power of two below ``size``, where RFC 6962 splits a tree."""
    return 1 << (size - 1).bit_length() - 1


def _range_root(start: int, end: int, hashes: HashReader) -> Hash:
    size = end - start
    if size & (size - 1) == 0:
        return hashes(size.bit_length() - 1, start // size)
    middle = start + _split(size)
    return node_hash(_range_root(start, middle, hashes), _range_root(middle, end, hashes))


def _siblings(index: int, size: int) -> list[tuple[int, int]]:
    """Give the ranges of entries beside the way from a leaf up to the root, the lowest first (RFC 6962 §2.1.1)."""
    found: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((start, middle))
            start = middle
    return found[::-1]


def prove_inclusion(index: Index, *, size: Size, hashes: HashReader) -> Proof:
    """Prove that the tree of ``size`` has the entry at ``index``: about log2(size) hashes, the leaf's sibling first."""
    return tuple(_range_root(start, end, hashes) for start, end in _siblings(index, size))


def check_inclusion(leaf: Hash, *, index: Index, size: Size, proof: Proof, root: Hash) -> None:
    """Return when the proof leads from the leaf at ``index`` to the root. Errors: ProofMismatch."""
    siblings = _siblings(index, size)
    if not 0 <= index < size or len(proof) != len(siblings):
        raise _mismatch(f"A proof of {len(proof)} hashes does not fit entry {index} of a log of {size}.", index)
    computed = leaf
    for (start, _), sibling in zip(siblings, proof, strict=True):
        computed = node_hash(sibling, computed) if start < index else node_hash(computed, sibling)
    if computed != root:
        raise _mismatch(
            f"The entry is not in this log: root computed {computed.hex()}, root signed {root.hex()}.", index
        )


def _mismatch(message: str, index: int) -> ProofMismatch:
    hint = "Ask for the proof again; if it stays, compare with a mirror."
    return ProofMismatch(message, hint=hint, where=f"entry {index}")
