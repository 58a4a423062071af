"""Profiles for the read side: ``profile.hql`` run on the engine, its rows projected into one SQLite file a version.

A version is immutable: written apart, renamed whole. Which one is read is for the caller to say (home's pointer).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hive_queries.dialect import read_shipped
from hive_queries.engines.base import Cell, HistoryStore
from hive_queries.facts import Profile, parse_date, parse_facts, parse_strokes, with_strokes
from strokemap.errors import FormatUnknown, HomeUnwritable, PatientUnknown, ProfilesMissing
from strokemap.home import Home, sync_folder
from strokemap.progress import Progress

FORMAT = "strokemap-profiles-2"
_FILE = re.compile(r"([1-9][0-9]{0,8})\.sqlite", re.ASCII)
_VERSION = re.compile(r"([1-9][0-9]{0,8})-[0-9a-f]{16}", re.ASCII)
_EVERY = 2000
_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE profiles (
  institution TEXT NOT NULL, patient TEXT PRIMARY KEY, sex TEXT NOT NULL, birth_year INTEGER,
  died_on TEXT NOT NULL, died_precision TEXT NOT NULL, strokes TEXT NOT NULL, facts TEXT NOT NULL
);
"""
_MISSING_HINT = "Compute them with: strokemap histories profiles."


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilesMade:
    """A new version: its number and a digest of its rows, which is what home's pointer names."""

    version: str
    patients: int


class Profiles:
    """One version, open for reading; may be shared between threads."""

    def __init__(self, connection: sqlite3.Connection, *, version: str, made_at: datetime) -> None:
        self._connection = connection
        self.version = version
        self.made_at = made_at

    @classmethod
    def open(cls, folder: Path, version: str) -> Profiles:
        """Open a version. Errors: ProfilesMissing; FormatUnknown also where the file holds another version."""
        match = _VERSION.fullmatch(version)
        path = folder / f"{match[1] if match else 0}.sqlite"
        if not path.is_file():
            raise ProfilesMissing("The published profiles are not there.", hint=_MISSING_HINT, where=str(path))
        # immutable: no lock, no look for a journal; nobody ever writes to this file again.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        try:
            about = dict(connection.execute("SELECT name, value FROM about"))
            if (about.get("format"), about.get("version")) != (FORMAT, version):
                raise sqlite3.DatabaseError
            return cls(connection, version=version, made_at=datetime.fromisoformat(about["made_at"]))
        except (sqlite3.Error, KeyError, ValueError):
            connection.close()
            raise FormatUnknown(
                "The profiles were written by another version of Strokemap, or are damaged.",
                hint=_MISSING_HINT,
                where=str(path),
            ) from None

    def get(self, patient: str) -> Profile:
        """Give the profile of a pseudonym, in one look-up. Errors: PatientUnknown, FormatUnknown."""
        row = self._connection.execute("SELECT * FROM profiles WHERE patient = ?", (patient,)).fetchone()
        if row is None:
            raise PatientUnknown(
                "There is no profile of that patient.",
                hint="Check institution and id; a patient acquired lately has a profile after: "
                "strokemap histories profiles.",
                where="patient",
            )
        return self._profile(row)

    def __len__(self) -> int:
        return int(self._connection.execute("SELECT COUNT(*) FROM profiles").fetchone()[0])

    def __iter__(self) -> Iterator[Profile]:
        """Give all profiles in the order of institution and pseudonym."""
        for row in self._connection.execute("SELECT * FROM profiles ORDER BY rowid"):
            yield self._profile(row)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def _profile(self, row: tuple[str, str, str, int | None, str, str, str, str]) -> Profile:
        institution, patient, sex, birth_year, died_on, died_precision, strokes, facts = row
        try:
            profile = Profile(
                patient=patient,
                institution=institution,
                version=self.version,
                sex=sex,
                birth_year=birth_year,
                died_on=parse_date(died_on),
                died_precision=died_precision,
                stroke_on=None,
                stroke_precision="",
                stroke_type="",
                facts=parse_facts(facts),
            )
            return with_strokes(profile, parse_strokes(strokes))
        except ValueError:
            raise FormatUnknown("A profile can't be read.", hint=_MISSING_HINT, where=self.version) from None


def published_profiles(home: Home) -> Profiles:
    """Open the profiles that home points to. Errors: ProfilesMissing before the first, FormatUnknown."""
    version = home.current("profiles")
    if version is None:
        raise ProfilesMissing("No profiles were computed yet.", hint=_MISSING_HINT)
    return Profiles.open(home.profiles, version)


def make_profiles(store: HistoryStore, *, folder: Path, progress: Progress, now: datetime) -> ProfilesMade:
    """Compute a new version of all profiles; whole and durable on return, and nothing is left of one cut off.

    One at a time in a folder: whoever calls this holds home's lock. The number in the name grows; the digest in the
    version depends on the rows alone. Errors: HistoryStoreUnreachable, HomeUnwritable.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        making = folder / ".making"
        making.unlink(missing_ok=True)
        number = 1 + max(
            (int(match[1]) for path in folder.iterdir() if (match := _FILE.fullmatch(path.name))), default=0
        )
        progress("Computing profiles", 0, None)
        (statement,) = read_shipped("profile.hql")
        made = _write(making, store.run(statement, parameters={}), number, now=now, progress=progress)
        with making.open("rb") as handle:
            os.fsync(handle.fileno())
        making.rename(folder / f"{number}.sqlite")
        sync_folder(folder)
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise HomeUnwritable(
            f"The profiles can't be written: {reason}.",
            hint="Check space and permissions of the folder, then try again.",
            where=str(folder),
        ) from None
    return made


def prune_profiles(folder: Path, *, keep: str) -> int:
    """Remove all versions but one, as after a withdrawal, and tell how many; who has one open can read on."""
    old = [path for path in folder.iterdir() if _FILE.fullmatch(path.name) and path.stem != keep.partition("-")[0]]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _write(
    path: Path, rows: Iterable[tuple[Cell, ...]], number: int, *, now: datetime, progress: Progress
) -> ProfilesMade:
    digest, patients = hashlib.sha256(), 0
    with contextlib.closing(sqlite3.connect(path)) as connection:
        # Nobody reads the file before it is whole: a journal would guard nothing.
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLES)
        for row in rows:
            digest.update(repr(row).encode())
            connection.execute("INSERT INTO profiles VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            patients += 1
            if patients % _EVERY == 0:
                progress("Computing profiles", patients, None)
        version = f"{number}-{digest.hexdigest()[:16]}"
        about = {"format": FORMAT, "version": version, "made_at": now.isoformat()}
        connection.executemany("INSERT INTO about VALUES (?, ?)", about.items())
        connection.commit()
    progress("Computing profiles", patients, patients)
    return ProfilesMade(version=version, patients=patients)
