"""Signed notes, checkpoints, public keys (C2SP signed-note, tlog-checkpoint, tlog-cosignature): strict text in and out.

Each value has exactly one text: every reader below refuses what its writer would not have written.
"""

from __future__ import annotations

import base64
import re
from collections import deque
from dataclasses import dataclass, field, replace
from hashlib import sha256

from ledger.crypto import check_signature, public_key, sign
from ledger.tree import HASH_SIZE, Hash, Size
from strokemap.errors import CheckpointMalformed, LedgerKeyInvalid, ProofMismatch

NOTE_ED25519 = 1
"""A log's signature over a note."""
COSIGNATURE_ED25519 = 4
"""A witness's signature over a checkpoint and the time at which it was seen."""
MAX_NOTE = 128 * 1024
_ID_SIZE = 4
_TIME_SIZE = 8
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")
_PRIME = 2**255 - 19
# The y of the points of small order: under such a key one signature can fit every text.
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER = (0, 1, _PRIME - 1, _ORDER_8, _PRIME - _ORDER_8)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """Whose signatures to believe: a log's or a witness's name and Ed25519 key."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature line names its key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_ID_SIZE]

    @property
    def text(self) -> str:
        """The key as one line: ``name+id+key`` (a vkey)."""
        return f"{self.name}+{self.id.hex()}+{write_base64(bytes([self.kind]) + self.public)}"


def parse_public_key(text: str) -> PublicKey:
    """Read a vkey; refuses keys under which a signature proves nothing. Errors: LedgerKeyInvalid."""
    try:
        name, _, encoded = text.split("+", 2)
        data = read_base64(encoded)
        key = PublicKey(name=_read_name(name), kind=data[0], public=data[1:])
        if key.text != text or key.kind not in (NOTE_ED25519, COSIGNATURE_ED25519) or not _is_sound(key.public):
            raise ValueError
    except (ValueError, IndexError):
        raise LedgerKeyInvalid(
            "This is not the public key of a log or a witness.",
            hint="It is one line, as in the file ledger/vkey: name+8 hexadecimal digits+44 characters.",
        ) from None
    return key


def _is_sound(public: bytes) -> bool:
    y = int.from_bytes(public, "little") & (1 << 255) - 1
    return len(public) == HASH_SIZE and y < _PRIME and y not in _SMALL_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line under a note."""

    name: str
    key_id: bytes
    data: bytes

    @property
    def text(self) -> str:
        """The line without its end."""
        return f"— {self.name} {write_base64(self.key_id + self.data)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What the log promised: its size and root, under its own signature and those of witnesses."""

    origin: str
    size: Size
    root: Hash
    signatures: tuple[Signature, ...] = ()

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{write_base64(self.root)}\n"

    @property
    def text(self) -> str:
        """The whole note."""
        return self.body + "\n" + "".join(f"{signature.text}\n" for signature in self.signatures)


def parse_checkpoint(data: bytes, *, where: str = "ledger/checkpoint") -> Checkpoint:
    """Read a checkpoint: ``parse_checkpoint(data).text == data``. Errors: CheckpointMalformed with the line."""
    lines = Lines(data, most=MAX_NOTE)
    try:
        return read_note(lines)
    except ValueError:
        raise CheckpointMalformed(
            "A checkpoint is not written as the format has it.",
            hint="Compare it with a witness's copy, then restore it from a mirror.",
            where=f"{where}:{lines.number}",
        ) from None


class Lines:
    """The lines of a strict text, taken one after the other; ``number`` is that of the last one taken, from 1."""

    def __init__(self, data: bytes, *, most: int) -> None:
        self.left = deque(data.split(b"\n") if len(data) <= most else ())
        self.number = 0

    def take(self) -> str:
        """Give the next line without its end. Errors: ValueError."""
        self.number += 1
        if not self.left:
            raise ValueError
        return self.left.popleft().decode()


def read_note(lines: Lines) -> Checkpoint:
    """Read a checkpoint to the end of its text. Errors: ValueError.

    Extension lines are refused: no signature of a witness would cover them for certain.
    """
    origin, size, root = _read_name(lines.take()), Size(read_number(lines.take())), read_hash(lines.take())
    if lines.take():
        raise ValueError
    signatures = [_read_signature(lines.take())]
    while line := lines.take():
        signatures.append(_read_signature(line))
    if lines.left:
        raise ValueError
    return Checkpoint(origin=origin, size=size, root=root, signatures=tuple(signatures))


def write_base64(data: bytes) -> str:
    """Write bytes as base64 in one line."""
    return base64.b64encode(data).decode()


def read_base64(text: str) -> bytes:
    """Read base64 of which there is one text only: b64decode alone skips stray characters. Errors: ValueError."""
    data = base64.b64decode(text)
    if write_base64(data) != text:
        raise ValueError
    return data


def read_hash(text: str) -> Hash:
    """Read a hash in base64. Errors: ValueError."""
    data = read_base64(text)
    if len(data) != HASH_SIZE:
        raise ValueError
    return Hash(data)


def read_number(text: str) -> int:
    """Read a number below 2^63 of which there is one text only: int alone takes “+5”, “1_000”. Errors: ValueError."""
    number = int(text)
    if str(number) != text or not 0 <= number < 2**63:
        raise ValueError
    return number


def _read_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError
    return text


def _read_signature(line: str) -> Signature:
    dash, name, encoded = line.split(" ")
    data = read_base64(encoded)
    if dash != "—" or len(data) <= _ID_SIZE:
        raise ValueError
    return Signature(name=_read_name(name), key_id=data[:_ID_SIZE], data=data[_ID_SIZE:])


def find_signature(checkpoint: Checkpoint, *, key: PublicKey, where: str = "ledger/checkpoint") -> Signature | None:
    """Give the signature by ``key``, verified, or None where there is none; lines of other keys are left alone.

    Errors: ProofMismatch where the key's line does not fit, or stands there twice.
    """
    found = [line for line in checkpoint.signatures if (line.name, line.key_id) == (key.name, key.id)]
    if not found:
        return None
    if len(found) > 1:
        raise ProofMismatch(
            f"The checkpoint carries two signatures of {key.name}.", hint="Fetch another copy.", where=where
        )
    data, message = found[0].data, checkpoint.body.encode()
    if key.kind == COSIGNATURE_ED25519:
        seen = int.from_bytes(data[:_TIME_SIZE], "big")
        data, message = data[_TIME_SIZE:], f"cosignature/v1\ntime {seen}\n".encode() + message
    check_signature(data, message=message, public=key.public, name=key.name, where=where)
    return found[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """The log's own key. Signing the same checkpoint twice gives the same text."""

    name: str
    secret: bytes = field(repr=False)

    @property
    def key(self) -> PublicKey:
        """The public half."""
        return PublicKey(name=self.name, kind=NOTE_ED25519, public=public_key(self.secret))

    def sign(self, *, size: Size, root: Hash) -> Checkpoint:
        """Give the signed checkpoint. The caller vouches that it follows from every earlier one."""
        bare = Checkpoint(origin=self.name, size=size, root=root)
        line = Signature(name=self.name, key_id=self.key.id, data=sign(bare.body.encode(), secret=self.secret))
        return replace(bare, signatures=(line,))


def check_name(name: str) -> None:
    """Return when a name can stand in a checkpoint and a vkey. Errors: LedgerKeyInvalid."""
    if not _NAME.fullmatch(name):
        raise LedgerKeyInvalid(
            "The ledger's origin has a space, a plus sign or a control character, or is empty or too long.",
            hint="Use a name such as hospital.example/ledger.",
        )
