"""The log file: one line an entry, only ever added to. Every byte of it is either checked or refused.

    strokemap-log-1
    0 <SHA-256 of the rest of this line and its index> {"actor":…}
    1 …

A line counts once its end is on the disk: a writer that was killed leaves at most the beginning of a line, which was
acknowledged to nobody and is cut off by the next writer. A plain file instead of a database, because a database has
bytes that belong to no entry, and in those a change would go unseen.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from ledger.entry import MAX_LEAF, LeafBytes
from ledger.tiles import make_folder, unwritable
from ledger.tree import Index
from strokemap.errors import LedgerBusy, LogDamaged
from strokemap.home import sync_folder

NAME = "log"
HEADER = b"strokemap-log-1\n"
END = 2**63
"""Behind any entry: whoever reads from here on wants to know the size only."""
_WHERE = f"ledger/{NAME}"
PATIENCE = 5.0
"""Seconds to wait for another process before LedgerBusy."""
_STEP = 2 * MAX_LEAF
_PAUSE = 0.002
_DIGITS = 19
_HINT = "Compare the log with the tiles of a mirror, then restore it from a backup."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The end of the log file."""

    size: int
    """Entries in the whole log."""
    leaves: tuple[LeafBytes, ...]
    """The last of them, as many as were asked for."""
    end: int
    """Where the last whole line ends; behind it lies at most what a killed writer left."""


def format_line(leaf: bytes, *, index: int) -> bytes:
    """Write one line with its end."""
    digest = sha256(b"%d %b" % (index, leaf)).hexdigest().encode("ascii")
    return b"%d %b %b\n" % (index, digest, leaf)


def parse_line(line: bytes, *, index: int) -> LeafBytes:
    """Read the line, end included, that must hold the entry at ``index``. Errors: LogDamaged with the line number."""
    leaf = line.split(b" ", 2)[-1].removesuffix(b"\n")
    if format_line(leaf, index=index) != line:
        raise _damaged("A line of the log is not as it was written.", line=index + 2)
    return LeafBytes(leaf)


def append_line(handle: BinaryIO, leaf: LeafBytes, *, least: int) -> Index:
    """Add an entry behind the last one; durable on return. Hold the file exclusively.

    One sync for the line and for all that ``mend`` did before it. Errors: LogDamaged, OSError.
    """
    tail = mend(handle, least=least)
    try:
        left = memoryview(format_line(leaf, index=tail.size))
        while left:
            left = left[os.write(handle.fileno(), left) :]
        os.fsync(handle.fileno())
    except OSError:
        # After a failed sync nobody knows what is on the disk: the line is taken back and was never acknowledged.
        with contextlib.suppress(OSError):
            os.ftruncate(handle.fileno(), tail.end)
        raise
    return Index(tail.size)


def mend(handle: BinaryIO, *, least: int = 0, since: int = END) -> Tail:
    """Cut off what a killed writer left behind, and give the tail; synced by the caller. Hold the file exclusively.

    Only the beginning of the next line is ever cut; anything else at the end is damage. ``least`` is how many entries
    were signed already: a log with fewer is refused, for it would give an index twice. Errors: LogDamaged.
    """
    length = handle.seek(0, os.SEEK_END)
    handle.seek(0)
    if length < len(HEADER) and HEADER.startswith(handle.read(length)):
        os.ftruncate(handle.fileno(), 0)
        os.write(handle.fileno(), HEADER)
        # Whoever writes the first line answers for the file's name, too: a new file can be lost with all its bytes.
        sync_folder(Path(handle.name).parent)
    tail = read_tail(handle, since=since)
    if tail.size < least:
        raise _damaged(f"The log has {tail.size} entries, but {least} were signed.", line=tail.size + 2)
    if tail.end < length:
        os.ftruncate(handle.fileno(), tail.end)
    return tail


def read_tail(handle: BinaryIO, *, since: int = END) -> Tail:
    """Read the log backwards as far as the entry ``since``. Errors: LogDamaged.

    Costs what is read, not what lies before it. The last line is checked in any case: an index is given out on the
    strength of it.
    """
    length = handle.seek(0, os.SEEK_END)
    span = _STEP
    while True:
        start = max(0, length - span)
        handle.seek(start)
        *lines, rest = handle.read(length - start).split(b"\n")
        if not start and lines[:1] != [HEADER.removesuffix(b"\n")]:
            raise _damaged("The log does not begin as a log of this version does.", line=1)
        # The first of these lines is the header, or the end of a line that begins before.
        first = _index(lines[1]) if start and len(lines) > 1 else 0
        if not start or (len(lines) > 1 and first <= since):
            break
        span *= 4
    leaves = [parse_line(line + b"\n", index=index) for index, line in enumerate(lines[1:], start=first)]
    size = first + len(leaves)
    _check_rest(rest, size)
    return Tail(size=size, leaves=tuple(leaves[since - first :]), end=length - len(rest))


def _index(line: bytes) -> int:
    number = line.split(b" ", 1)[0]
    if not number.isdigit() or len(number) > _DIGITS:
        message = "A line near the end of the log does not begin with its index."
        raise LogDamaged(message, hint=_HINT, where=_WHERE)
    return int(number)


def _check_rest(rest: bytes, size: int) -> None:
    # A whole line whose end was changed looks unfinished, too; but no writer was killed there: it is an entry.
    begin = b"%d " % size
    whole = rest and format_line(rest[:-1].split(b" ", 2)[-1], index=size) == rest[:-1] + b"\n"
    if whole or not (begin.startswith(rest) or rest.startswith(begin)):
        raise _damaged("The end of the log is not as it was written.", line=size + 2)


def read_lines(folder: Path) -> Iterator[LeafBytes]:
    """Give every entry, each checked, without those appended meanwhile. Errors: LogDamaged with the line number."""
    with open_log(folder, patience=PATIENCE, exclusive=False) as handle:
        length = handle.seek(0, os.SEEK_END)
    # The lock is given back, for nothing that is read from here on changes any more.
    with (folder / NAME).open("rb") as lines:
        if lines.readline() != HEADER:
            raise _damaged("The log does not begin as a log of this version does.", line=1)
        index = 0
        while lines.tell() < length:
            yield parse_line(lines.readline(), index=index)
            index += 1


@contextlib.contextmanager
def open_log(folder: Path, *, patience: float, exclusive: bool) -> Iterator[BinaryIO]:
    """Open the log file and hold it: exclusively to write (it is made if need be), else shared with other readers.

    Errors: LedgerBusy after ``patience`` seconds, LogDamaged where there is none to read, LedgerUnwritable.
    """
    path = folder / NAME
    try:
        if exclusive:
            make_folder(folder)
        # In append mode every write goes to the end of the file as it is then, also after something was cut off.
        handle = path.open("a+b" if exclusive else "rb", buffering=0)
        with handle:
            hold(handle.fileno(), exclusive=exclusive, patience=patience, where=_WHERE)
            yield handle
    except FileNotFoundError:
        raise LogDamaged("The log file is missing.", hint=_HINT, where=_WHERE) from None
    except OSError as error:
        raise unwritable(error, where=_WHERE) from None


def hold(descriptor: int, *, exclusive: bool, patience: float, where: str) -> None:
    """Take a lock between processes and threads, given back when the file is closed. Errors: LedgerBusy."""
    operation = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    for _ in range(int(patience / _PAUSE) + 1):
        try:
            fcntl.flock(descriptor, operation)
        except BlockingIOError:
            time.sleep(_PAUSE)
        else:
            return
    raise LedgerBusy("Another process is writing to the ledger.", hint="Try again.", where=where)


def _damaged(message: str, *, line: int) -> LogDamaged:
    return LogDamaged(message, hint=_HINT, where=f"{_WHERE}:{line}")
