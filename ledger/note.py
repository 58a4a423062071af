"""Signed notes, checkpoints, public keys (C2SP signed-note, tlog-checkpoint, tlog-cosignature): strict text in and out.

Each value has exactly one text: a parser formats what it read and refuses when that is not what it was given.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
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
        return f"{self.name}+{self.id.hex()}+{_base64(bytes([self.kind]) + self.public)}"


def parse_public_key(text: str) -> PublicKey:
    """Read a vkey; refuses keys under which a signature proves nothing. Errors: LedgerKeyInvalid."""
    name, _, rest = text.partition("+")
    encoded = rest.partition("+")[2]
    try:
        data = base64.b64decode(encoded)
        key = PublicKey(name=name, kind=data[0], public=data[1:])
    except (ValueError, IndexError):
        key = None
    if (
        key is None
        or key.text != text
        or not _NAME.fullmatch(name)
        or key.kind not in (NOTE_ED25519, COSIGNATURE_ED25519)
        or not _is_sound(key.public)
    ):
        raise LedgerKeyInvalid(
            "This is not the public key of a log or a witness.",
            hint="It is one line, as in the file ledger/vkey: name+8 hexadecimal digits+44 characters.",
        )
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
        return f"— {self.name} {_base64(self.key_id + self.data)}"


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
        return f"{self.origin}\n{self.size}\n{_base64(self.root)}\n"

    @property
    def text(self) -> str:
        """The whole note."""
        return self.body + "\n" + "".join(f"{signature.text}\n" for signature in self.signatures)


def parse_checkpoint(data: bytes, *, where: str = "ledger/checkpoint", first_line: int = 1) -> Checkpoint:
    """Read a checkpoint: ``parse_checkpoint(data).text == data``. Errors: CheckpointMalformed with the line.

    Extension lines are refused: no signature of a witness would cover them for certain.
    """
    try:
        text = data[: MAX_NOTE + 1].decode()
    except UnicodeDecodeError as error:
        raise _malformed(where, first_line + data.count(b"\n", 0, error.start)) from None
    lines = text.split("\n")
    if len(data) > MAX_NOTE or len(lines) < 6:
        raise _malformed(where, first_line + len(lines) - 1)
    at = 0
    try:
        at = 1
        size = Size(int(lines[1]))
        at = 2
        root = Hash(base64.b64decode(lines[2]))
        at = 3
        if lines[3]:
            raise ValueError
        signatures: list[Signature] = []
        for at in range(4, len(lines) - 1):
            signatures.append(_read_signature(lines[at]))
    except ValueError:
        raise _malformed(where, first_line + at) from None
    checkpoint = Checkpoint(origin=lines[0], size=size, root=root, signatures=tuple(signatures))
    _check_text(checkpoint, lines, where, first_line)
    return checkpoint


def _read_signature(line: str) -> Signature:
    _, name, encoded = line.split(" ")
    data = base64.b64decode(encoded)
    if not _NAME.fullmatch(name) or len(data) <= _ID_SIZE:
        raise ValueError(line)
    return Signature(name=name, key_id=data[:_ID_SIZE], data=data[_ID_SIZE:])


def _check_text(checkpoint: Checkpoint, lines: list[str], where: str, first_line: int) -> None:
    # int() and b64decode() are lenient (“+5”, “1_000”, stray characters): the text they were given must come out again.
    for number, (line, again) in enumerate(zip(lines, checkpoint.text.split("\n"), strict=True)):
        if line != again:
            raise _malformed(where, first_line + number)
    if not _NAME.fullmatch(checkpoint.origin):
        raise _malformed(where, first_line)
    if not 0 <= checkpoint.size < 2**63:
        raise _malformed(where, first_line + 1)
    if len(checkpoint.root) != HASH_SIZE:
        raise _malformed(where, first_line + 2)


def _malformed(where: str, line: int) -> CheckpointMalformed:
    return CheckpointMalformed(
        "A checkpoint is not written as the format has it.",
        hint="Compare it with a witness's copy, then restore it from a mirror.",
        where=f"{where}:{line}",
    )


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
        return Checkpoint(origin=self.name, size=size, root=root, signatures=(line,))


def check_name(name: str) -> None:
    """Return when a name can stand in a checkpoint and a vkey. Errors: LedgerKeyInvalid."""
    if not _NAME.fullmatch(name):
        raise LedgerKeyInvalid(
            "The ledger's origin has a space, a plus sign or a control character, or is empty or too long.",
            hint="Use a name such as hospital.example/ledger.",
        )


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()
