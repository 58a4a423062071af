"""What is committed: the leaf that everyone may see, and the sealed payload that only the vault can open.

The leaf says who asked (institution, role, a random token of the day), of what (digests), when (to the second) and
carries one commitment to the content. The commitment is an HMAC under a random key, so that nobody can find the content
by guessing it, equal contents have unrelated commitments, and once the key is destroyed nothing is left of it.
"""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NewType

from ledger.crypto import KEY_SIZE, decrypt, encrypt, vault_damaged
from ledger.tree import Index
from strokemap.errors import EntryInvalid, LogDamaged

LeafBytes = NewType("LeafBytes", bytes)
RecordKey = NewType("RecordKey", bytes)
"""32 random bytes, used for one entry and never again."""

VERSION = 1
MAX_LEAF = 4096
_LABEL = b"strokemap/ledger/v1/"
_CODE = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
# A token of 16 random bytes has at least 22 characters; names and patients' numbers are shorter, and so refused.
_ACTOR = re.compile(r"(?:[A-Za-z0-9_-]{22,64})?")
_DIGEST = re.compile(r"[A-Za-z0-9:._+/=-]{0,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a face hands to the ledger: all but ``content`` becomes public."""

    kind: str
    institution: str
    role: str
    actor: str
    """A random token of one person and day, in base64url or hexadecimal; empty where no person asked."""
    digests: tuple[tuple[str, str], ...] = ()
    """What was asked of: build, index, profiles, models."""
    content: bytes = b""
    """What was asked and answered; goes into the vault, encrypted, byte for byte."""
    erases: Index | None = None
    """The entry whose content this one records as erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """The public part of an entry."""

    entry: Entry
    """Without its content."""
    time: str
    commitment: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An entry ready to be stored: the payload first, then the leaf."""

    leaf: LeafBytes
    commitment: bytes
    payload: bytes


def seal(entry: Entry, *, key: RecordKey, at: datetime) -> Sealed:
    """Make the leaf without contents and the encrypted payload; pure. Errors: EntryInvalid with the field."""
    _check(entry)
    time = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    commitment = commit(entry.content, key=key)
    leaf = format_leaf(Leaf(entry=entry, time=time, commitment=commitment))
    if len(leaf) > MAX_LEAF:
        raise _invalid("digests", "together they are too long")
    payload = encrypt(entry.content, key=_derive(key, b"payload"), bound=_LABEL + commitment)
    return Sealed(leaf=leaf, commitment=commitment, payload=payload)


def unseal(payload: bytes, *, key: RecordKey, commitment: bytes, where: str) -> bytes:
    """Give the content that the leaf committed to, byte for byte. Errors: VaultDamaged."""
    content = decrypt(payload, key=_derive(key, b"payload"), bound=_LABEL + commitment, where=where)
    if not hmac.compare_digest(commit(content, key=key), commitment):
        raise vault_damaged("A payload of the vault is not what the log committed to.", where=where)
    return content


def commit(content: bytes, *, key: RecordKey) -> bytes:
    """Give the 32 bytes that bind to the content and hide it from everyone without the key."""
    return hmac.digest(_derive(key, b"commit"), content, "sha256")


def _derive(key: RecordKey, purpose: bytes) -> bytes:
    if len(key) != KEY_SIZE:
        # HMAC pads short keys with zeros, so that two of them could stand for each other.
        raise ValueError(len(key))
    return hmac.digest(key, _LABEL + purpose, "sha256")


def format_leaf(leaf: Leaf) -> LeafBytes:
    """Write a leaf: JSON in ASCII, keys sorted, no blanks, so that one leaf has one text."""
    entry = leaf.entry
    fields: dict[str, object] = {
        "actor": entry.actor,
        "commit": leaf.commitment.hex(),
        "digests": dict(entry.digests),
        "institution": entry.institution,
        "kind": entry.kind,
        "role": entry.role,
        "time": leaf.time,
        "v": VERSION,
    }
    if entry.erases is not None:
        fields["erases"] = entry.erases
    return LeafBytes(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode("ascii"))


def parse_leaf(data: bytes, *, where: str) -> Leaf:
    """Read a leaf: ``format_leaf(parse_leaf(data)) == data``. Errors: LogDamaged."""
    try:
        fields = json.loads(data)
        entry = Entry(
            kind=str(fields["kind"]),
            institution=str(fields["institution"]),
            role=str(fields["role"]),
            actor=str(fields["actor"]),
            digests=tuple(fields["digests"].items()),
            erases=Index(int(fields["erases"])) if "erases" in fields else None,
        )
        leaf = Leaf(entry=entry, time=str(fields["time"]), commitment=bytes.fromhex(fields["commit"]))
        if format_leaf(leaf) != data:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise LogDamaged(
            "An entry is not written as this version writes it.", hint="Compare it with a mirror.", where=where
        ) from None
    return leaf


def _check(entry: Entry) -> None:
    for name, value in (("kind", entry.kind), ("institution", entry.institution), ("role", entry.role)):
        if not _CODE.fullmatch(value):
            raise _invalid(name, "it must be a short code in small letters")
    if not _ACTOR.fullmatch(entry.actor):
        raise _invalid("actor", "it must be a token of at least 16 random bytes, or empty")
    names = [name for name, _ in entry.digests]
    if len(set(names)) != len(names):
        raise _invalid("digests", "a name stands there twice")
    for name, value in entry.digests:
        if not _CODE.fullmatch(name) or not _DIGEST.fullmatch(value):
            raise _invalid("digests", "a name or value is not a code or a digest")


def _invalid(field: str, why: str) -> EntryInvalid:
    return EntryInvalid(
        f"An entry's {field} can't go on a public log: {why}.", hint="Put what is private into content.", where=field
    )
