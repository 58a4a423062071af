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
from ledger.tiles import make_folder, sync_folder, unwritable
from ledger.tree import Index
from strokemap.errors import LedgerBusy, LogDamaged

NAME = "log"
HEADER = b"strokemap-log-1\n"
_WHERE = f"ledger/{NAME}"
_STEP = 2 * MAX_LEAF
_PAUSE = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The end of the log file."""

    size: int
    """Entries in the whole log."""
    leaves: tuple[LeafBytes, ...]
    """The last of them, as many as were asked for."""
    end: int
    """Where the last whole line ends."""
    torn: bool
    """Whether a killed writer's beginning of a line follows."""


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

    ``least`` is how many entries were signed already: a log with fewer is refused, for it would give an index twice.
    Errors: LogDamaged, OSError.
    """
    tail = mend(handle)
    if tail.size < least:
        raise _damaged(f"The log has {tail.size} entries, but {least} were signed.", line=tail.size + 2)
    try:
        _write(handle, format_line(leaf, index=tail.size))
    except OSError:
        # After a failed sync nobody knows what is on the disk: the line is taken back and was never acknowledged.
        with contextlib.suppress(OSError):
            os.ftruncate(handle.fileno(), tail.end)
        raise
    return Index(tail.size)


def mend(handle: BinaryIO) -> Tail:
    """Cut off what a killed writer left behind, and give the tail. Hold the file exclusively.

    Only the beginning of the next line is ever cut; anything else at the end is damage. Errors: LogDamaged.
    """
    length = handle.seek(0, os.SEEK_END)
    handle.seek(0)
    if length < len(HEADER) and HEADER.startswith(handle.read(length)):
        os.ftruncate(handle.fileno(), 0)
        _write(handle, HEADER)
    tail = read_tail(handle)
    if tail.torn:
        os.ftruncate(handle.fileno(), tail.end)
        os.fsync(handle.fileno())
    return tail


def _write(handle: BinaryIO, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(handle.fileno(), left) :]
    os.fsync(handle.fileno())


def read_tail(handle: BinaryIO, *, since: int | None = None) -> Tail:
    """Read the log backwards as far as the entry ``since``, or the last one. Errors: LogDamaged.

    Costs what is read, not what lies before it.
    """
    length = handle.seek(0, os.SEEK_END)
    span = _STEP
    while True:
        start = max(0, length - span)
        handle.seek(start)
        *lines, rest = handle.read(length - start).split(b"\n")
        first = 0
        if start:
            lines = lines[1:]
            first = _index(lines[0]) if lines else 0
        elif not lines or lines.pop(0) + b"\n" != HEADER:
            raise _damaged("The log does not begin as a log of this version does.", line=1)
        if not start or (lines and (since is None or first <= since)):
            break
        span *= 4
    size = first + len(lines)
    wanted = min(max(first, size - 1 if since is None else since), size)
    # The last line is read in any case: an index is given out on the strength of it.
    leaves = [parse_line(lines[at - first] + b"\n", index=at) for at in range(min(wanted, max(first, size - 1)), size)]
    _check_rest(rest, size)
    return Tail(
        size=size, leaves=tuple(leaves[len(leaves) - (size - wanted) :]), end=length - len(rest), torn=bool(rest)
    )


def _index(line: bytes) -> int:
    try:
        return int(line.split(b" ", 1)[0])
    except ValueError:
        raise LogDamaged(
            "A line near the end of the log does not begin with its index.", hint=_HINT, where=_WHERE
        ) from None


def _check_rest(rest: bytes, size: int) -> None:
    # A whole line whose end was changed looks unfinished, too; but no writer was killed there: it is an entry.
    begin = b"%d " % size
    whole = rest and format_line(rest[:-1].split(b" ", 2)[-1], index=size) == rest[:-1] + b"\n"
    if whole or not (begin.startswith(rest) or rest.startswith(begin)):
        raise _damaged("The end of the log is not as it was written.", line=size + 2)


def read_lines(handle: BinaryIO, *, length: int) -> Iterator[LeafBytes]:
    """Give every entry of the first ``length`` bytes, each checked. Errors: LogDamaged with the line number."""
    handle.seek(0)
    if handle.readline() != HEADER:
        raise _damaged("The log does not begin as a log of this version does.", line=1)
    index, at = 0, len(HEADER)
    while at < length:
        line = handle.readline(length - at)
        yield parse_line(line, index=index)
        index, at = index + 1, at + len(line)


@contextlib.contextmanager
def open_log(folder: Path, *, patience: float, exclusive: bool) -> Iterator[BinaryIO]:
    """Open the log file and hold it: exclusively to write (it is made if need be), else shared with other readers.

    Errors: LedgerBusy after ``patience`` seconds, LogDamaged where there is none to read, LedgerUnwritable.
    """
    path = folder / NAME
    try:
        if exclusive and not path.exists():
            make_folder(folder)
            path.touch(mode=0o644)
            sync_folder(folder)
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


_HINT = "Compare the log with the tiles of a mirror, then restore it from a backup."


def _damaged(message: str, *, line: int) -> LogDamaged:
    return LogDamaged(message, hint=_HINT, where=f"{_WHERE}:{line}")
