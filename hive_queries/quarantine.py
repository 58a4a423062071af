"""Bad rows, kept apart so that they can be mended: one file a batch, each row sealed.

The row itself lies there, and nowhere else; no message and no log repeats it. A line opens with the home's
pseudonym key.
"""

from __future__ import annotations

import base64
import dataclasses
import hmac
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from hive_queries.engines.base import BatchDigest
from hive_queries.pseudonyms import check_institution
from hive_queries.rows import BadRow
from strokemap.errors import BatchMalformed, FormatUnknown, InputMissing, UsageError
from strokemap.home import sync_folder

_SEALED = ".sealed"
# Those that an older version left unsealed, too: they must not be overlooked.
_FILES = "[!.]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRow(BadRow):
    """A bad row with the institution and the batch that it came with."""

    institution: str
    batch: BatchDigest


@contextmanager
def writing_bad_rows(path: Path, *, seal: Callable[[str], str]) -> Iterator[Callable[[BadRow], None]]:
    """Open a new file that only its owner can read, and give what writes a row to it; durable at the end."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as handle:
        yield lambda row: print(seal(json.dumps(dataclasses.asdict(row))), file=handle)
        handle.flush()
        os.fsync(handle.fileno())


def sealing(institution: str, *, key: bytes) -> Callable[[str], str]:
    """Give what seals a line of an institution's quarantine (AES-SIV, RFC 5297) under the home's pseudonym key."""
    cipher = _cipher(institution, key=key)
    return lambda line: base64.b64encode(cipher.encrypt(line.encode(), None)).decode()


def keep_bad_rows(landed: Path, *, institution: str, batch: BatchDigest, work: Path) -> None:
    """Put a written file of bad rows into quarantine as this batch's, durably; what was there of it is replaced."""
    folder = _folder(work, institution)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    landed.rename(folder / f"{batch}{_SEALED}")
    for named in (folder, folder.parent):
        sync_folder(named)


def quarantined(work: Path, *, key: bytes, institution: str | None = None) -> Iterator[QuarantinedRow]:
    """Give the rows in quarantine, of one institution or of all, in the order of institution, batch and line.

    Errors: FormatUnknown for a line that the key does not open.
    """
    if institution is not None:
        check_institution(institution)
    for path in sorted((work / "quarantine").glob(f"{institution or '*'}/{_FILES}")):
        yield from _read(path, key=key)


def count_bad_rows(work: Path) -> Counter[tuple[str, BatchDigest]]:
    """Count the rows in quarantine by institution and batch, without opening any."""
    paths = (work / "quarantine").glob(f"*/{_FILES}")
    return Counter({(path.parent.name, BatchDigest(path.stem)): len(_lines(path)) for path in paths})


def drop_bad_rows(work: Path, *, institution: str, batch: BatchDigest | None = None) -> bool:
    """Remove an institution's quarantine, or that of one batch, and tell whether there was any."""
    folder = _folder(work, institution)
    if batch is not None:
        (folder / f"{batch}{_SEALED}").unlink(missing_ok=True)
    there = folder.exists()
    if batch is None:
        shutil.rmtree(folder, ignore_errors=True)
    return there


def export_bad_rows(rows: Iterable[QuarantinedRow], out: Path) -> int:
    """Write rows to a new file that only its owner can read, to be mended there, and tell how many.

    Errors: UsageError where the file is there already or can't be made.
    """
    try:
        with writing_bad_rows(out, seal=str) as write:
            return sum(1 for row in rows if write(row) is None)
    except OSError as error:
        raise UsageError(
            f"The file can't be made: {error.strerror}.", hint="Name a new file.", where=str(out)
        ) from None


def read_mended(path: Path, *, institution: str) -> tuple[list[QuarantinedRow], str]:
    """Read an institution's rows in a file of mended ones, and their text. Errors: InputMissing, BatchMalformed."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        raise InputMissing("The file can't be read.", hint="Name a file that --out made.", where=str(path)) from None
    rows, text = [], ""
    for number, line in enumerate(lines, start=1):
        row = _parse(line)
        if row is None and line.strip():
            raise BatchMalformed(
                "This is not a line as the quarantine gave it. Nothing was taken.",
                hint="Change only what stands in “row”.",
                where=f"{path.name}:{number}",
            )
        if row and row.institution == institution:
            rows.append(row)
            text += f"{line}\n"
    return rows, text


def forget_bad_rows(
    rows: Iterable[QuarantinedRow], *, institution: str, keep: BatchDigest, work: Path, key: bytes
) -> None:
    """Take rows out of the quarantine of the batches that they came with, durably; those of batch ``keep`` stay."""
    gone = {(row.batch, row.file, row.line) for row in rows}
    folder = _folder(work, institution)
    # Looked for among what is there: a name out of the file must not lead elsewhere.
    for path in sorted(folder.glob(_FILES)):
        held = list(_read(path, key=key))
        left = [row for row in held if (row.batch, row.file, row.line) not in gone]
        if path.stem == keep or len(left) == len(held):
            continue
        mending = folder / ".mending"
        mending.unlink(missing_ok=True)
        with writing_bad_rows(mending, seal=sealing(institution, key=key)) as write:
            for row in left:
                write(row)
        mending.rename(path)
        if not left:
            path.unlink()
        sync_folder(folder)


def _parse(line: str) -> QuarantinedRow | None:
    try:
        row = QuarantinedRow(**json.loads(line))
    except (TypeError, ValueError, RecursionError):
        return None
    texts = (row.institution, row.batch, row.file)
    numbers = (row.line, row.number)
    sound = all(isinstance(text, str) for text in texts) and all(isinstance(number, int) for number in numbers)
    return row if sound and isinstance(row.row, str | dict) else None


def _read(path: Path, *, key: bytes) -> Iterator[QuarantinedRow]:
    cipher = _cipher(path.parent.name, key=key)
    for number, line in enumerate(_lines(path), start=1):
        try:
            fields = json.loads(cipher.decrypt(base64.b64decode(line), None))
        except (InvalidTag, ValueError):
            raise FormatUnknown(
                "A row in quarantine is damaged, or was written by an older version or with another key.",
                hint="Restore pseudonym.key or the file; or remove the file and mend the rows at their source.",
                where=f"{path}:{number}",
            ) from None
        yield QuarantinedRow(**fields | {"institution": path.parent.name, "batch": BatchDigest(path.stem)})


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except FileNotFoundError:
        # Replayed or withdrawn a moment ago.
        return []


def _cipher(institution: str, *, key: bytes) -> AESSIV:
    return AESSIV(hmac.digest(key, f"strokemap-quarantine-1\0{institution}".encode(), "sha512"))


def _folder(work: Path, institution: str) -> Path:
    return work / "quarantine" / institution
