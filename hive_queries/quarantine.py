"""Bad rows, kept apart so that they can be mended: one file a batch, readable by its owner only.

The row itself lies there, and nowhere else; no message and no log repeats it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hive_queries.engines.base import BatchDigest
from hive_queries.pseudonyms import check_institution
from hive_queries.rows import BadRow
from strokemap.home import sync_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRow(BadRow):
    """A bad row with the institution and the batch that it came with."""

    institution: str
    batch: BatchDigest


@contextmanager
def writing_bad_rows(path: Path) -> Iterator[Callable[[BadRow], None]]:
    """Open a new file that only its owner can read, and give what writes a row to it; durable at the end."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as handle:
        yield lambda row: print(json.dumps(dataclasses.asdict(row)), file=handle)
        handle.flush()
        os.fsync(handle.fileno())


def keep_bad_rows(landed: Path, *, institution: str, batch: BatchDigest, work: Path) -> None:
    """Put a written file of bad rows into quarantine as this batch's, durably; what was there of it is replaced."""
    folder = _folder(work, institution)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    landed.rename(folder / f"{batch}.jsonl")
    for named in (folder, folder.parent):
        sync_folder(named)


def quarantined(work: Path, *, institution: str | None = None) -> Iterator[QuarantinedRow]:
    """Give the rows in quarantine, of one institution or of all, in the order of institution, batch and line."""
    root = work / "quarantine"
    if institution is not None:
        check_institution(institution)
    folders = [_folder(work, institution)] if institution else sorted(root.iterdir()) if root.is_dir() else []
    for folder in folders:
        for path in sorted(folder.glob("*.jsonl")):
            for line in path.read_text(encoding="ascii").splitlines():
                yield QuarantinedRow(institution=folder.name, batch=BatchDigest(path.stem), **json.loads(line))


def drop_bad_rows(work: Path, *, institution: str) -> bool:
    """Remove an institution's quarantine and tell whether there was any."""
    folder = _folder(work, institution)
    there = folder.exists()
    shutil.rmtree(folder, ignore_errors=True)
    return there


def _folder(work: Path, institution: str) -> Path:
    return work / "quarantine" / institution
