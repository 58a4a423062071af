"""Extracts as they come: a file or a folder of files, plain or gzip, UTF-8, read line by line, never loaded whole."""

from __future__ import annotations

import csv
import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from strokemap.errors import BatchMalformed, InputMissing

_LONGEST_LINE = 16 * 1024 * 1024
_MEND = "Send the file again whole, as UTF-8 text, plain or compressed with gzip."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractFile:
    """One file. ``name`` is without the folder and without ``.gz``."""

    path: Path
    name: str
    stamp: tuple[int, int, int]
    """Size, time of change and inode when it was opened."""

    def lines(self) -> Iterator[str]:
        """Give the lines with their ends. Errors: BatchMalformed with file and line; InputMissing."""
        number = 0
        with self._open(lambda: number + 1) as handle:
            while line := handle.readline(_LONGEST_LINE + 1):
                number += 1
                if len(line) > _LONGEST_LINE:
                    raise _malformed(f"A line is longer than {_LONGEST_LINE} bytes.", f"{self.name}:{number}")
                try:
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError:
                    raise _malformed("The file is not UTF-8 text.", f"{self.name}:{number}") from None

    def rows(self, *, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
        """Give the rows of a CSV file with the line on which each starts. Errors as for ``lines``."""
        reader = csv.reader(self.lines(), delimiter=delimiter, strict=True)
        line = 1
        try:
            for row in reader:
                if row:
                    yield line, row
                line = reader.line_num + 1
        except csv.Error as error:
            raise _malformed(f"The file is not CSV: {error}.", f"{self.name}:{line}") from None

    def hash_into(self, digest: hashlib._Hash) -> None:
        """Add the content, uncompressed, so that the same extract has one digest however it is packed."""
        content = hashlib.sha256()
        with self._open(lambda: 1) as handle:
            while block := handle.read(1 << 20):
                content.update(block)
        digest.update(content.digest())

    @contextmanager
    def _open(self, line: Callable[[], int]) -> Iterator[BinaryIO]:
        try:
            with self.path.open("rb") as raw:
                # By content, not by name: what comes over the network has no name of its own.
                packed = raw.read(2) == b"\x1f\x8b"
                raw.seek(0)
                yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise _malformed("The compressed file is damaged or cut off.", f"{self.name}:{line()}") from None
        except OSError as error:
            raise _missing(f"The file can't be read: {error.strerror}.", self.path) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """All files of one extract, in order of name."""

    files: tuple[ExtractFile, ...]

    def digest(self, *, format_name: str) -> str:
        """Give the content digest that names the batch: of the format and all contents, uncompressed."""
        digest = hashlib.sha256(f"strokemap-batch-1\0{format_name}\0{len(self.files)}".encode())
        for file in self.files:
            if len(self.files) > 1:
                digest.update(file.name.encode() + b"\0")
            file.hash_into(digest)
        return digest.hexdigest()

    def check_unchanged(self) -> None:
        """Raise BatchMalformed when a file was written to since the extract was opened."""
        for file in self.files:
            if _stamp(file.path) != file.stamp:
                raise _malformed("The file changed while it was read.", file.name)


def open_extract(path: Path, *, suffix: str, folder: bool, file: bool) -> Extract:
    """Find the files of an extract whose names end in ``suffix`` or ``suffix.gz``; a single file may have any name.

    ``folder`` and ``file`` say what the format can be. Errors: InputMissing, BatchMalformed for an empty folder.
    """
    if path.is_dir():
        if not folder:
            raise _missing("This format is a file, and a folder was named.", path)
        found = sorted(item for item in path.iterdir() if item.name.endswith((suffix, f"{suffix}.gz")))
        if not found:
            raise _malformed(f"The folder has no {suffix} file.", path.name)
    elif not path.is_file():
        raise _missing("The file or folder does not exist.", path)
    elif not file:
        raise _missing("This format is a folder of files, and a file was named.", path)
    else:
        found = [path]
    return Extract(files=tuple(ExtractFile(path=f, name=f.name.removesuffix(".gz"), stamp=_stamp(f)) for f in found))


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise _missing(f"The file can't be read: {error.strerror}.", path) from None
    return status.st_size, status.st_mtime_ns, status.st_ino


def _missing(message: str, path: Path) -> InputMissing:
    return InputMissing(message, hint="Check the path, and what the format wants: a file or a folder.", where=str(path))


def _malformed(message: str, where: str) -> BatchMalformed:
    return BatchMalformed(f"{message} Nothing was taken.", hint=_MEND, where=where)
