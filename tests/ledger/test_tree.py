from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest

from ledger.tree import (
    EMPTY_ROOT,
    Hash,
    HashReader,
    Index,
    Size,
    check_inclusion,
    leaf_hash,
    prove_inclusion,
    tree_root,
)
from strokemap.errors import ProofMismatch

# The leaves and roots with which every implementation of RFC 6962 is tested.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
MOST = 70


def naive_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 §2.1, written down word for word."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def reader(leaves: Sequence[bytes]) -> HashReader:
    return lambda level, number: Hash(naive_root(leaves[number << level : (number + 1) << level]))


def leaves_of(count: int) -> list[bytes]:
    return [b"%d" % i for i in range(count)]


@pytest.mark.parametrize("size", range(9))
def test_the_reference_leaves_have_the_reference_roots(size: int) -> None:
    assert tree_root(size, hashes=reader(LEAVES)).hex() == ROOTS[size]


def test_the_reference_proof_comes_out() -> None:
    proof = prove_inclusion(Index(0), size=Size(8), hashes=reader(LEAVES))
    assert [item.hex() for item in proof] == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_every_entry_of_every_size_is_proven_and_no_other_passes() -> None:
    leaves = leaves_of(MOST)
    for size in range(1, MOST + 1):
        root = Hash(naive_root(leaves[:size]))
        for index in range(size):
            proof = prove_inclusion(Index(index), size=Size(size), hashes=reader(leaves[:size]))
            leaf = leaf_hash(leaves[index])
            check_inclusion(leaf, index=Index(index), size=Size(size), proof=proof, root=root)
            wrong = [
                {"index": Index(index + 1)},
                {"index": Index(index - 1)},
                {"root": EMPTY_ROOT},
                {"proof": proof[1:] if proof else (root,)},
                {"proof": (*proof, root)},
                {"proof": tuple(reversed(proof)) if len(proof) > 1 else (root, root)},
            ]
            for change in wrong:
                arguments = {"index": Index(index), "size": Size(size), "proof": proof, "root": root} | change
                with pytest.raises(ProofMismatch):
                    check_inclusion(leaf, **arguments)  # type: ignore[arg-type]
            with pytest.raises(ProofMismatch):
                check_inclusion(leaf_hash(b"x"), index=Index(index), size=Size(size), proof=proof, root=root)
