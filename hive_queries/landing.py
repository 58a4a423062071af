"""The landing folder: where a batch is written before it counts, one institution's at a time."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from strokemap.errors import HomeUnwritable
from strokemap.home import locked_file


@contextlib.contextmanager
def landing_folder(work: Path, institution: str) -> Iterator[Path]:
    """Give an empty folder that is this institution's alone until the end; another load of it waits."""
    root = work / "landing"
    folder = root / institution
    try:
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked_file(root / f"{institution}.lock"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise HomeUnwritable(
            f"The landing folder can't be written: {error.strerror}.",
            hint="Check space and permissions of the work folder under home, then try again.",
            where=str(root),
        ) from None
