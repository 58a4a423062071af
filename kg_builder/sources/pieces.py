"""A large dump of many bz2 streams, read on all cores: other processes decompress and parse it piece by piece.

A piece is some streams of whole pages. The rows come in the order of the file, and only a piece for each process is in
memory. Whatever goes wrong is told by one error, after which the file is to be read through: so what is wrong with a
file is said in the same words at the same line however it was read.
"""

from __future__ import annotations

import bz2
import mmap
import os
import pickle
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

from kg_builder.sources.reader import CHUNK, Reader, Row
from strokemap.errors import SourceMalformed

LEAST = 8 * 2**20
"""Bytes. A smaller file is read before the other processes have started."""
PIECE = 2 * 2**20
MOST_PROCESSES = 8
"""More than the one that writes the index keeps busy."""
_STREAM = re.compile(rb"BZh[1-9]1AY&SY")

_Span = tuple[int, int]


def read_pieces(reader: Reader) -> Iterator[list[Row]]:
    """Give the file's pages, the beginning and the end of the file being fed to the reader.

    Errors: EOFError where there are no pieces, a piece isn't whole pages, or a process was lost.
    """
    processes = min(_cores(), MOST_PROCESSES)
    try:
        spans = _cut(reader.path) if processes > 1 else []
        if len(spans) <= processes:
            raise EOFError
        with reader.path.open("rb") as file, ExitStack() as stack:
            workers = [_start(reader.path, head=spans[0], stack=stack) for _ in range(processes)]
            yield _feed(reader, file, spans[0])
            pieces = spans[1:-1]
            for worker, piece in zip(workers, pieces, strict=False):
                _send(worker, piece)
            for number in range(len(pieces)):
                worker = workers[number % processes]
                rows: list[Row] = pickle.load(cast(BinaryIO, worker.stdout))  # noqa: S301  from our own process
                if number + processes < len(pieces):
                    _send(worker, pieces[number + processes])
                yield rows
            rows = _feed(reader, file, spans[-1])
            reader.feed(b"", last=True)
            yield rows
    except (OSError, pickle.UnpicklingError, SourceMalformed):
        raise EOFError from None


def work(path: str, start: str, end: str) -> None:
    """Answer each span on standard input with its rows on standard output; what fails ends the process."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # whoever asked is gone
    with Path(path).open("rb") as file:
        while True:
            reader = Reader(Path(path))
            piece: _Span = pickle.load(sys.stdin.buffer)  # noqa: S301  from the process that started this one
            _feed(reader, file, (int(start), int(end)))
            rows = _feed(reader, file, piece)
            reader.feed(b"</mediawiki>", last=True)  # malformed unless just the root is open
            pickle.dump(rows, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cut(path: Path) -> list[_Span]:
    """Give the first stream, pieces, and the last stream; nothing where the file is small or of another kind."""
    if path.stat().st_size < LEAST:
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if not _STREAM.match(content):
            return []
        starts = [found.start() for found in _STREAM.finditer(content)]
        cuts = starts[:2]
        for start in starts[2:-1]:
            if start - cuts[-1] >= PIECE:
                cuts.append(start)
        return list(pairwise([*cuts, *starts[max(2, len(starts) - 1) :], len(content)]))


def _start(path: Path, *, head: _Span, stack: ExitStack) -> subprocess.Popen[bytes]:
    code = f"from {__name__} import work; import sys; work(*sys.argv[1:])"
    words = [sys.executable, "-P", "-c", code, str(path), *map(str, head)]
    # A session of its own: Ctrl-C is for this process, which ends the others. Killed, it leaves them without input.
    process = subprocess.Popen(  # noqa: S603  this interpreter, this module
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    return process


def _send(worker: subprocess.Popen[bytes], piece: _Span) -> None:
    stdin = cast(BinaryIO, worker.stdin)
    pickle.dump(piece, stdin)
    stdin.flush()


def _feed(reader: Reader, file: BinaryIO, span: _Span) -> list[Row]:
    """Feed streams to the reader and give the rows that they finish."""
    start, end = span
    file.seek(start)
    data = file.read(end - start)
    while data:
        stream = bz2.BZ2Decompressor()
        reader.feed(stream.decompress(data, CHUNK))
        while not stream.eof:
            if stream.needs_input:
                raise EOFError
            reader.feed(stream.decompress(b"", CHUNK))
        data = stream.unused_data
    rows, reader.rows = reader.rows, []
    return rows
