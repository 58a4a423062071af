"""The folder that a history store keeps its Parquet files in: whose it is, and who may change it now."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strokemap.errors import FormatUnknown
from strokemap.home import locked_file, replace_file, sync_folder

BATCHES = "batches"
"""The table by whose partitions batches count."""
PART = "part-0.parquet"


def check_format(root: Path, expected: str, *, make: bool) -> None:
    """Refuse a folder that another version or another kind of store wrote. Errors: FormatUnknown."""
    record = root / "format"
    if make and not record.exists():
        replace_file(record, expected + "\n")
    if record.exists() and record.read_text(encoding="utf-8").strip() != expected:
        raise FormatUnknown(
            "The histories folder was written by another version of Strokemap.",
            hint=f"It must say {expected}. If it is newer, use the version that wrote it; if it is older, remove the "
            "history store (this folder, on Hive its database, too), acquire again, and enter opt-outs again.",
            where=str(record),
        )


@contextmanager
def locked(root: Path, name: str, *, exclusive: bool) -> Iterator[None]:
    """Hold a lock of the folder, alone or with other readers; whoever comes second waits."""
    folder = root / "locks"
    folder.mkdir(exist_ok=True)
    with locked_file(folder / name, exclusive=exclusive):
        yield


def make_fresh(folder: Path) -> Path:
    """Make an empty folder; whatever lay there comes from a process that was killed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def put(source: Path, folder: Path) -> None:
    """Rename a folder into place under ``tables/<table>``, durably, instead of what a killed process left there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    source.rename(folder)
    for above in list(folder.parents)[:3]:
        sync_folder(above)
