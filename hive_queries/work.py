"""What the work folder holds of an institution: its landing, and a note.

A batch is written to the landing before it counts. The notes, one small file each, tell the status when an institution
was last heard of, and what went wrong.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from strokemap.errors import HomeUnwritable, StrokemapError
from strokemap.home import locked_file, replace_file


@contextmanager
def landing_folder(work: Path, institution: str) -> Iterator[Path]:
    """Give an empty folder that is this institution's alone until the end; another load of it waits."""
    root = work / "landing"
    folder = root / institution
    with _writable(work):
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked_file(root / f"{institution}.lock"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """``checked``: when an extract was last taken or known. ``problem``: the code by which the last one failed."""

    checked: datetime | None
    problem: str


def notes(work: Path) -> dict[str, Note]:
    """Give the notes by institution."""
    found = {}
    for path in sorted(_folder(work).glob("*.json")):
        fields = json.loads(path.read_text(encoding="utf-8"))
        checked = fields["checked"] and datetime.fromisoformat(fields["checked"])
        found[path.stem] = Note(checked=checked, problem=fields["problem"])
    return found


@contextmanager
def noting(work: Path, institution: str, *, now: datetime) -> Iterator[None]:
    """Note how what is done here ends. A failure keeps the time of the last success. Errors: HomeUnwritable."""
    try:
        yield
    except StrokemapError as error:
        before = notes(work).get(institution)
        _write(work, institution, Note(checked=before.checked if before else None, problem=error.code))
        raise
    _write(work, institution, Note(checked=now, problem=""))


def forget(work: Path, institution: str) -> None:
    """Remove the note of an institution that was withdrawn."""
    (_folder(work) / f"{institution}.json").unlink(missing_ok=True)


def _write(work: Path, institution: str, note: Note) -> None:
    with _writable(work):
        _folder(work).mkdir(parents=True, exist_ok=True, mode=0o700)
        fields = {"checked": note.checked and note.checked.isoformat(), "problem": note.problem}
        replace_file(_folder(work) / f"{institution}.json", json.dumps(fields))


@contextmanager
def _writable(work: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HomeUnwritable(
            f"The work folder can't be written: {error.strerror}.",
            hint="Check space and permissions of the work folder under home, then try again.",
            where=str(work),
        ) from None


def _folder(work: Path) -> Path:
    return work / "institutions"
