"""Columns on disk: arrays and strings that are memory-mapped, so that opening them costs the same at any size."""

from __future__ import annotations

import mmap
import threading
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

# NumPy parses an array's header as Python, and CPython 3.11 fails where two threads parse at once (SystemError).
_ONE_HEADER = threading.Lock()


class StringColumn(Sequence[str]):
    """Strings as offsets into one run of UTF-8; each is decoded when asked for. Safe to read from many threads."""

    __slots__ = ("_blob", "_offsets")

    def __init__(self, *, offsets: memoryview, blob: mmap.mmap | bytes) -> None:
        self._offsets = offsets
        self._blob = blob

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        return str(self._blob[self._offsets[index] : self._offsets[index + 1]], "utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListColumn:
    """A tuple of strings for each row; ``strings`` are those of all rows, one row after the other."""

    rows: memoryview
    strings: StringColumn

    def __getitem__(self, row: int) -> tuple[str, ...]:
        return tuple(self.strings[self.rows[row] : self.rows[row + 1]])


class WeightedRows(NamedTuple):
    """Terms with a weight each, row after row; row i is ``offsets[i]:offsets[i + 1]``."""

    offsets: NDArray[np.int64] | memoryview
    terms: NDArray[np.int32]
    weights: NDArray[np.float32]

    def row(self, number: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Give one row's terms and their weights."""
        entries = slice(self.offsets[number], self.offsets[number + 1])
        return self.terms[entries], self.weights[entries]


def write_array(folder: Path, name: str, values: NDArray[Any]) -> None:
    """Write an array as ``<name>.npy``, little-endian; equal values give equal bytes."""
    np.save(folder / f"{name}.npy", values.astype(values.dtype.newbyteorder("<"), copy=False), allow_pickle=False)


def write_strings(folder: Path, name: str, texts: Iterable[str]) -> None:
    """Write a StringColumn; holds one string and 8 bytes for each at a time."""
    offsets = array("q", [0])
    with (folder / f"{name}.utf8").open("wb") as blob:
        for text in texts:
            offsets.append(offsets[-1] + blob.write(text.encode("utf-8")))
    write_array(folder, name, np.frombuffer(offsets, dtype=np.int64))


def write_lists(folder: Path, name: str, rows: Iterable[Sequence[str]]) -> None:
    """Write a ListColumn row by row."""
    ends = array("q", [0])

    def strings() -> Iterator[str]:
        for row in rows:
            ends.append(ends[-1] + len(row))
            yield from row

    write_strings(folder, name, strings())
    write_array(folder, f"{name}_rows", np.frombuffer(ends, dtype=np.int64))


def write_rows(folder: Path, name: str, rows: WeightedRows) -> None:
    """Write WeightedRows."""
    for field, values in rows._asdict().items():
        write_array(folder, f"{name}_{field}", values)


def read_array(folder: Path, name: str) -> NDArray[Any]:
    """Map an array. Errors: OSError, ValueError where the file is missing or is no array."""
    # A plain view: slicing np.memmap costs microseconds, and nothing here needs its methods.
    with _ONE_HEADER:
        array: NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False).view(np.ndarray)
    return array


def read_numbers(folder: Path, name: str) -> memoryview:
    """Map an array for reading number by number, which a memoryview does several times faster than an array."""
    return read_array(folder, name).data


def read_strings(folder: Path, name: str) -> StringColumn:
    """Map a StringColumn. Errors: OSError, ValueError."""
    offsets = read_numbers(folder, name)
    with (folder / f"{name}.utf8").open("rb") as file:
        # An empty file can't be mapped.
        blob = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if offsets[-1] else b""
    return StringColumn(offsets=offsets, blob=blob)


def read_lists(folder: Path, name: str) -> ListColumn:
    """Map a ListColumn. Errors: OSError, ValueError."""
    return ListColumn(rows=read_numbers(folder, f"{name}_rows"), strings=read_strings(folder, name))


def read_rows(folder: Path, name: str) -> WeightedRows:
    """Map WeightedRows. Errors: OSError, ValueError."""
    terms, weights = (read_array(folder, f"{name}_{field}") for field in ("terms", "weights"))
    return WeightedRows(read_numbers(folder, f"{name}_offsets"), terms, weights)


def hash_key(key: str) -> int:
    """Give 64 bits of a text, the same on every machine, by which a sorted array of hashes is searched."""
    return int.from_bytes(blake2b(key.encode("utf-8"), digest_size=8).digest(), "little")
