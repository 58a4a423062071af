"""Taking in extracts and remaking the profiles, for command line and HTTP."""

from __future__ import annotations

import secrets
import shutil
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from api.access import Caller, check_action
from api.service import Clock
from hive_queries import HistoryStore, acquire, ask, make_profiles, open_history_store
from hive_queries.acquire import Acquired
from hive_queries.profiles import ProfilesMade, prune_profiles
from hive_queries.questions import Answer
from strokemap.errors import BatchMalformed, InputTooLarge
from strokemap.home import Home
from strokemap.keys import Keys
from strokemap.progress import Progress, silent

MAX_BATCH_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The door for extracts; each call opens the history store and closes it again."""

    home: Home
    keys: Keys
    store_url: str
    now: Clock

    @contextmanager
    def store(self) -> Iterator[HistoryStore]:
        """Open the history store. Errors: HistoryStoreUnreachable, HistoryStoreUnsupported."""
        store = open_history_store(self.store_url)
        try:
            yield store
        finally:
            store.close()

    def acquire(self, path: Path, *, institution: str, format: str, progress: Progress = silent) -> Acquired:
        """Take one extract in; the same one again changes nothing."""
        with self.store() as store:
            return acquire(
                path,
                institution=institution,
                format=format,
                store=store,
                work=self.home.work,
                key=self.keys.secret("pseudonym"),
                now=self.now(),
                progress=progress,
            )

    def ask(self, question: str, *, params: Mapping[str, str], caller: Caller) -> Answer:
        """Ask a named question. Clinicians see patients of their institution, the operator all, other roles counts.

        Errors: AccessDenied, QuestionInvalid, HistoryStoreUnreachable.
        """
        check_action(caller, "ask")
        with self.store() as store:
            answer = ask(question, params=params, store=store)
        if caller.role == "operator":
            return answer
        return answer.of(caller.institution) if caller.role == "clinician" else answer.counted()

    def make_profiles(self, *, progress: Progress = silent) -> ProfilesMade:
        """Compute what changed of the profiles on the engine and point the read side at the new version."""
        with self.home.lock("profiles"), self.store() as store:
            since = self.home.current("profiles")
            made = make_profiles(store, folder=self.home.profiles, progress=progress, now=self.now(), since=since)
            self.home.point("profiles", made.version)
            # Older profiles would keep what a withdrawn institution sent.
            prune_profiles(self.home.profiles, keep=made.version)
        return made

    @asynccontextmanager
    async def received(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Path]:
        """Give what comes over the network as a file, or a .zip as a folder; it is removed again at the end.

        The sender's name for it is not used. Errors: InputTooLarge, BatchMalformed.
        """
        folder = self.home.work / "received" / secrets.token_hex(8)
        folder.mkdir(parents=True, mode=0o700)
        try:
            path, size = folder / "extract", 0
            with path.open("wb") as handle:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > MAX_BATCH_BYTES:
                        raise InputTooLarge("The extract is larger than 2 GiB.", hint="Send it in parts.")
                    handle.write(chunk)
            yield _unpack(path) if zipfile.is_zipfile(path) else path
        finally:
            shutil.rmtree(folder)


def _unpack(path: Path) -> Path:
    folder = path.with_name("folder")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > MAX_BATCH_BYTES:
            raise InputTooLarge("The extract is larger than 2 GiB when unpacked.", hint="Send it in parts.")
        for member in members:
            # Only plain names directly in the archive: no folders, no way out of ours.
            if member.is_dir() or Path(member.filename).name != member.filename:
                raise BatchMalformed(
                    "A .zip of an extract holds files only, no folders.",
                    hint="Pack the files themselves.",
                    where="body",
                )
        archive.extractall(folder)
    path.unlink()
    return folder
