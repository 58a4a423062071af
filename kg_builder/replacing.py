"""Files and folders that take another's place whole: a reader sees all of the old or all of the new."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, beside: Path) -> Iterator[None]:
    """Let ``beside`` be written, then move it to ``path``; after an error nothing of it is left. Errors: OSError.

    What a killed process left under ``beside`` is cleared first: no other may be writing there.
    """
    old = beside.with_name(f"{beside.name}.old")
    _clear(beside, old)
    try:
        yield
        try:
            beside.replace(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            # No rename replaces a folder that has something in it. Its open readers keep their files.
            path.rename(old)
            beside.rename(path)
            _clear(old)
    finally:
        _clear(beside)


def _clear(*paths: Path) -> None:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
