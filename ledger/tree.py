"""Hashes and proofs of RFC 6962, pure; verification follows RFC 9162 §2.1.3.2 and §2.1.4.2.

A proof is made from a ``HashReader``, which knows the hashes of whole subtrees; it does not care where these lie.
"""

from __future__ import annotations

from collections.abc import Callable
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


def prove_inclusion(index: Index, *, size: Size, hashes: HashReader) -> Proof:
    """Prove that the tree of ``size`` has the entry at ``index``: about log2(size) hashes, the leaf's sibling first."""
    if not 0 <= index < size:
        raise ValueError(index)
    proof: list[Hash] = []
    start, end = 0, int(size)
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_root(middle, end, hashes))
            end = middle
        else:
            proof.append(_range_root(start, middle, hashes))
            start = middle
    return tuple(reversed(proof))


def prove_consistency(old: Size, *, size: Size, hashes: HashReader) -> Proof:
    """Prove that the first ``old`` entries of the tree of ``size`` are the old tree (RFC 6962 §2.1.2)."""
    if not 0 <= old <= size:
        raise ValueError(old)
    if old in (0, size):
        return ()
    proof: list[Hash] = []
    start, end, known = 0, int(size), True
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range_root(middle, end, hashes))
            end = middle
        else:
            proof.append(_range_root(start, middle, hashes))
            start, known = middle, False
    if not known:
        proof.append(_range_root(start, end, hashes))
    return tuple(reversed(proof))


def check_inclusion(leaf: Hash, *, index: Index, size: Size, proof: Proof, root: Hash) -> None:
    """Return when the proof leads from the leaf at ``index`` to the root. Errors: ProofMismatch."""
    where = f"entry {index}"
    if not 0 <= index < size:
        raise _mismatch(f"The proof is for entry {index} of a log of {size}.", where=where)
    computed = leaf
    number, last = int(index), int(size) - 1
    for sibling in proof:
        if last == 0:
            raise _mismatch("The proof has more hashes than the tree has levels.", where=where)
        if number & 1 or number == last:
            computed = node_hash(sibling, computed)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            computed = node_hash(computed, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise _mismatch("The proof has fewer hashes than the tree has levels.", where=where)
    if computed != root:
        raise _mismatch(
            f"The entry is not in this log: root computed {computed.hex()}, root signed {root.hex()}.", where=where
        )


def check_consistency(*, old_size: Size, old_root: Hash, size: Size, root: Hash, proof: Proof) -> None:
    """Return when the proof shows that the larger tree only added to the smaller. Errors: ProofMismatch."""
    where = f"sizes {old_size} and {size}"
    if not 0 <= old_size <= size:
        raise _mismatch("The newer tree is smaller than the older.", where=where)
    if old_size in (0, size):
        if proof or old_root != (root if old_size else EMPTY_ROOT):
            raise _mismatch("The two roots do not belong to one history.", where=where)
        return
    computed = _consistency_roots(int(old_size), int(size), old_root, proof, where)
    if computed != (old_root, root):
        raise _mismatch("The two roots do not belong to one history.", where=where)


def _consistency_roots(old: int, size: int, old_root: Hash, proof: Proof, where: str) -> tuple[Hash, Hash]:
    # A whole subtree of the old size is a node of both trees: its hash is left out of the proof (RFC 9162 §2.1.4.2).
    path = (old_root, *proof) if old & (old - 1) == 0 else proof
    if not path:
        raise _mismatch("The proof is empty.", where=where)
    number, last = old - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    older = newer = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise _mismatch("The proof has more hashes than the tree has levels.", where=where)
        if number & 1 or number == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        number, last = number >> 1, last >> 1
    if last:
        raise _mismatch("The proof has fewer hashes than the tree has levels.", where=where)
    return older, newer


def _mismatch(message: str, *, where: str) -> ProofMismatch:
    return ProofMismatch(message, hint="Ask for the proof again; if it stays, compare with a mirror.", where=where)
