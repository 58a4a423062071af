"""The one home folder: where each kind of state lies, pointers swapped by rename, locks between processes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from strokemap.errors import FormatUnknown, HomeBusy, HomeUnwritable

FORMAT = "strokemap-home-1"
POINTERS = ("map", "index", "profiles")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The folders of one installation. Making the object touches nothing; ``open_home`` creates."""

    root: Path
    origin: str
    """The ledger's origin, and the name under which the keys lie."""
    demonstration: bool

    @property
    def projections(self) -> Path:
        """Published maps as arrays, a folder a digest."""
        return self.root / "projections"

    @property
    def index(self) -> Path:
        """Text indexes, a folder a digest."""
        return self.root / "index"

    @property
    def profiles(self) -> Path:
        """Profiles for the read side, ``<n>.sqlite``."""
        return self.root / "profiles"

    @property
    def library(self) -> Path:
        """Imported articles and their corrections."""
        return self.root / "library"

    @property
    def ledger(self) -> Path:
        """The log, its tiles, the checkpoint."""
        return self.root / "ledger"

    @property
    def vault(self) -> Path:
        """Encrypted payloads with their wrapped keys."""
        return self.root / "vault.db"

    @property
    def state(self) -> Path:
        """Sessions and notes."""
        return self.root / "state.db"

    @property
    def work(self) -> Path:
        """Crawl frontier, landing, quarantine: what is needed to resume."""
        return self.root / "work"

    def current(self, pointer: str) -> str | None:
        """Give what a pointer names now (a digest or file name), or None before the first."""
        return self._pointers().get(pointer)

    def point(self, pointer: str, target: str) -> None:
        """Swap one pointer by rename: readers see the old or the new, never a mixture."""
        if pointer not in POINTERS:
            raise ValueError(pointer)
        with self.lock("current"):
            replace_file(self.root / "current.json", json.dumps(self._pointers() | {pointer: target}, sort_keys=True))

    def _pointers(self) -> dict[str, str]:
        try:
            pointers = json.loads((self.root / "current.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {str(key): str(value) for key, value in pointers.items()}

    def sweep(self, folder: Path, *, keep: Collection[str]) -> None:
        """Remove what nobody needs any more and what killed processes left: all in ``folder`` but what ``keep`` names.

        For whoever holds the lock of those who write there. Readers that have a file open keep it.
        """
        for path in folder.iterdir():
            if path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)

    @contextlib.contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Iterator[None]:
        """Hold a lock between processes; with ``wait=False`` a held lock raises HomeBusy at once."""
        folder = self.root / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locked_file(folder / name, wait=wait))
            except BlockingIOError:
                raise HomeBusy(
                    f"Another process of Strokemap is working on “{name}”.", hint="Wait for it to end, then try again."
                ) from None
            yield


@contextlib.contextmanager
def locked_file(path: Path, *, exclusive: bool = True, wait: bool = True) -> Iterator[None]:
    """Hold a file's lock between processes, alone or with other readers; made if it is not there, left behind.

    With ``wait=False`` a held lock raises BlockingIOError at once.
    """
    with path.open("w") as handle:
        fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))
        yield


@contextlib.contextmanager
def writing(what: str, *, where: Path, hint: str = "Make room on the disk, or mend the permissions.") -> Iterator[None]:
    """Let something be written, in files or SQLite's; what goes wrong is raised as HomeUnwritable."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or (
            str(error) if isinstance(error, sqlite3.Error) else "unknown reason"
        )
        raise HomeUnwritable(f"{what} can't be written: {reason}.", hint=hint, where=str(where)) from error


def default_root() -> Path:
    """Give the platform's data folder for Strokemap."""
    return user_data_path("strokemap", appauthor=False)


def open_home(root: Path, *, origin: str | None = None, demonstration: bool = False) -> Home:
    """Open a home, making it if it is not there.

    The origin is fixed when the home is made: ``origin``, or a random one. Errors: HomeUnwritable, FormatUnknown.
    """
    record = root / "home.json"
    try:
        if not record.exists():
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            made = {
                "format": FORMAT,
                "origin": origin or f"strokemap.invalid/{secrets.token_hex(6)}",
                "demonstration": demonstration,
            }
            _create_file(record, json.dumps(made, indent=1))
        fields = json.loads(record.read_text(encoding="utf-8"))
    except OSError as error:
        raise HomeUnwritable(
            f"The home folder can't be used: {error.strerror}.",
            hint="Give another folder with --home or STROKEMAP_HOME, or mend its permissions.",
            where=str(root),
        ) from None
    except ValueError:
        fields = {}
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise FormatUnknown(
            "This folder is not a home of this version of Strokemap.",
            hint=f"home.json must say format {FORMAT}; give another folder, or use the version that made it.",
            where=str(record),
        )
    return Home(root=root, origin=str(fields["origin"]), demonstration=bool(fields["demonstration"]))


def replace_file(path: Path, content: str | bytes) -> None:
    """Write a file so that a crash leaves the old or the new content, whole and on the disk."""
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with temporary.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def _create_file(path: Path, content: str) -> None:
    # A hard link fails when another process was first, so that both go on with the same record.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    replace_file(temporary, content)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a new file can be lost without this, even when its bytes were synced."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
