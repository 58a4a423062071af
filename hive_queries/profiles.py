"""Profiles for the read side: ``profile.hql`` run on the engine, its rows projected into one SQLite file a version.

A version is immutable: written apart, renamed whole. Which one is read is for the caller to say (home's pointer). A new
one starts from the old where it can: only the patients whom batches touched since are computed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hive_queries.engines.base import Batch, Cell, HistoryStore, newest_batches
from hive_queries.facts import Profile, parse_date, parse_facts, strokes_of, with_strokes
from hive_queries.statement import read_composed, read_shipped
from strokemap.errors import FormatUnknown, HomeUnwritable, PatientUnknown, ProfilesMissing
from strokemap.home import Home, sync_folder
from strokemap.progress import Progress

FORMAT = "strokemap-profiles-3"
_FILE = re.compile(r"([1-9][0-9]{0,8})\.sqlite", re.ASCII)
_VERSION = re.compile(r"([1-9][0-9]{0,8})-[0-9a-f]{16}", re.ASCII)
_EVERY = 2000
_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE batches (
  institution TEXT, batch TEXT, acquired_us INTEGER, PRIMARY KEY (institution, batch)
) WITHOUT ROWID;
CREATE TABLE profiles (
  institution TEXT NOT NULL, patient TEXT PRIMARY KEY, sex TEXT NOT NULL, birth_year INTEGER,
  died_on TEXT NOT NULL, died_precision TEXT NOT NULL, facts TEXT NOT NULL, articles TEXT NOT NULL
);
"""
_MISSING_HINT = "Compute them with: strokemap histories profiles."
_SUMS = 2**256


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilesMade:
    """A new version: its number and a digest of its rows, which is what home's pointer names."""

    version: str
    patients: int
    computed: int
    """Patients whom the engine looked at this time, those of whom nothing is left included; the rest was taken over."""


class Profiles:
    """One version, open for reading; may be shared between threads."""

    def __init__(self, connection: sqlite3.Connection, *, about: dict[str, str]) -> None:
        self._connection = connection
        self.version = about["version"]
        self.made_at = datetime.fromisoformat(about["made_at"])
        self.texts = about["texts"]
        self.sum = int(about["sum"], 16)
        self.batches = frozenset(connection.execute("SELECT institution, batch, acquired_us FROM batches"))
        """Institution, digest and time of each batch that the rows were made from."""
        self._newest = newest_batches((institution, acquired_us) for institution, _, acquired_us in self.batches)

    @classmethod
    def open(cls, folder: Path, version: str) -> Profiles:
        """Open a version. Errors: ProfilesMissing; FormatUnknown also where the file holds another version."""
        path = _path(folder, version)
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
            return cls(connection, about=about)
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
        for row in self._connection.execute("SELECT * FROM profiles ORDER BY institution, patient"):
            yield self._profile(row)

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def _profile(self, row: tuple[str, str, str, int | None, str, str, str, str]) -> Profile:
        institution, patient, sex, birth_year, died_on, died_precision, facts, articles = row
        try:
            profile = Profile(
                patient=patient,
                institution=institution,
                version=self.version,
                sex=sex,
                birth_year=birth_year,
                died_on=parse_date(died_on),
                died_precision=died_precision,
                facts=parse_facts(facts),
                articles=parse_facts(articles),
                data_as_of=self._newest.get(institution),
            )
            return with_strokes(profile, strokes_of(profile.facts))
        except ValueError:
            raise FormatUnknown("A profile can't be read.", hint=_MISSING_HINT, where=self.version) from None


def published_profiles(home: Home) -> Profiles:
    """Open the profiles that home points to. Errors: ProfilesMissing before the first, FormatUnknown."""
    version = home.current("profiles")
    if version is None:
        raise ProfilesMissing("No profiles were computed yet.", hint=_MISSING_HINT)
    return Profiles.open(home.profiles, version)


def make_profiles(
    store: HistoryStore, *, folder: Path, progress: Progress, now: datetime, since: str | None = None
) -> ProfilesMade:
    """Make a new version of all profiles; whole and durable on return, and nothing is left of one cut off.

    With ``since``, a version, only the patients touched by newer batches are computed; all of them where that version
    is not there, was made by other texts, or a batch of it counts no more, and where the engine does not tell the
    changed ones. The rows are the same in either case.
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
        # A batch that comes while the engine computes is not noted, so that the next version looks at it again.
        batches = store.batches()
        old = _usable(folder, since, batches=batches) if store.finds_changed else None
        if old is None:
            (statement,) = read_shipped("profile.hql")
            rows: Iterable[tuple[Cell, ...]] = ((row[1], *row) for row in store.run(statement, parameters={}))
        else:
            shutil.copyfile(_path(folder, old.version), making)
            new = " ".join(batch.digest for batch in batches if _key(batch) not in old.batches)
            rows = store.run(read_composed("changed.hql"), parameters={"batches": new}) if new else ()
        made = _write(making, rows, number=number, old=old, batches=batches, now=now, progress=progress)
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


def _path(folder: Path, version: str) -> Path:
    match = _VERSION.fullmatch(version)
    return folder / f"{match[1] if match else 0}.sqlite"


def _key(batch: Batch) -> tuple[str, str, int]:
    # The time, too: a batch withdrawn and sent again is another one.
    return batch.institution, batch.digest, batch.acquired_us


def _texts() -> str:
    """Give a digest of the texts that say what a profile is."""
    texts = [item.hiveql for name in ("tables.hql", "profile.hql") for item in read_shipped(name)]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _usable(folder: Path, since: str | None, *, batches: Iterable[Batch]) -> Profiles | None:
    try:
        old = Profiles.open(folder, since or "")
    except (ProfilesMissing, FormatUnknown):
        return None
    old.close()
    return old if old.texts == _texts() and old.batches <= {_key(batch) for batch in batches} else None


def _write(
    path: Path, rows: Iterable[tuple[Cell, ...]], *, number: int, old: Profiles | None, batches: Iterable[Batch],
    now: datetime, progress: Progress,
) -> ProfilesMade:  # fmt: skip
    """Put rows in place of the old ones of their patients. The first cell is the patient, then comes the row."""
    total, computed = 0 if old is None else old.sum, 0
    with contextlib.closing(sqlite3.connect(path)) as connection:
        # Nobody reads the file before it is whole: a journal would guard nothing. Of what is removed no byte stays.
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA secure_delete = ON;")
        if old is None:
            connection.executescript(_TABLES)
        for patient, *row in rows:
            gone = connection.execute("SELECT * FROM profiles WHERE patient = ?", (patient,)).fetchone()
            if gone:
                connection.execute("DELETE FROM profiles WHERE patient = ?", (patient,))
                total -= _sum(gone)
            if row[2] is not None:
                connection.execute("INSERT INTO profiles VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
                total += _sum(tuple(row))
            computed += 1
            if computed % _EVERY == 0:
                progress("Computing profiles", computed, None)
        # A sum does not depend on the order in which rows came, and can be carried on from version to version.
        sums = f"{total % _SUMS:064x}"
        version = f"{number}-{hashlib.sha256(sums.encode()).hexdigest()[:16]}"
        about = {"format": FORMAT, "version": version, "made_at": now.isoformat(), "texts": _texts(), "sum": sums}
        connection.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", about.items())
        connection.executemany("INSERT OR IGNORE INTO batches VALUES (?, ?, ?)", map(_key, batches))
        (patients,) = connection.execute("SELECT COUNT(*) FROM profiles").fetchone()
        connection.commit()
    progress("Computing profiles", patients, patients)
    return ProfilesMade(version=version, patients=patients, computed=computed)


def _sum(row: tuple[Cell, ...]) -> int:
    return int.from_bytes(hashlib.sha256(repr(row).encode()).digest())
