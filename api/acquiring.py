"""Taking in extracts, opting out, withdrawing, and remaking the profiles, for command line and HTTP."""

from __future__ import annotations

import csv
import json
import secrets
import shutil
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from api.access import LOCAL, Caller, check_action
from api.schemas import QuestionOut
from api.service import Clock, Service, open_home_ledger
from hive_queries import HistoryStore, acquire, ask, make_profiles, open_history_store, withdraw
from hive_queries.acquire import Acquired
from hive_queries.icd10 import describe
from hive_queries.profiles import ProfilesMade, prune_profiles
from hive_queries.pseudonyms import OPT_OUT, split_patient
from hive_queries.statement import read_shipped
from hive_queries.withdraw import expire
from hive_queries.work import forget
from ledger import Entry
from recommend.codes import Codes
from strokemap.errors import BatchMalformed, InputTooLarge
from strokemap.home import Home
from strokemap.keys import Keys
from strokemap.progress import Progress, silent

MAX_BATCH_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSeen:
    """A code of the histories and how many have it, in the institution's words or, without any, in ICD-10-CM's.

    ``known``: whether ICD-10-CM has it; None where it is of another system.
    """

    system: str
    code: str
    words: str
    patients: int
    facts: int
    known: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The door for extracts; each call opens the history store and closes it again."""

    home: Home
    keys: Keys
    store_url: str
    now: Clock
    retention_days: int = 0

    @contextmanager
    def store(self) -> Iterator[HistoryStore]:
        """Open the history store. Errors: HistoryStoreUnreachable, HistoryStoreUnsupported."""
        store = open_history_store(self.store_url)
        try:
            yield store
        finally:
            store.close()

    def acquire(
        self, path: Path, *, institution: str, format: str, mended: bool = False, progress: Progress = silent
    ) -> Acquired:
        """Take one extract in, or ``mended`` rows of the quarantine; the same one again changes nothing."""
        with self.store() as store:
            return acquire(
                path, institution=institution, format=format, mended=mended, store=store, work=self.home.work,
                key=self.keys.secret("pseudonym"), now=self.now(), progress=progress,
            )  # fmt: skip

    def ask(self, question: str, *, params: Mapping[str, str], caller: Caller, service: Service) -> QuestionOut:
        """Ask a named question and record it.

        Clinicians see patients of their institution, the operator all, other roles counts.
        Errors: AccessDenied, QuestionInvalid, HistoryStoreUnreachable.
        """
        check_action(caller, "ask")
        with self.store() as store:
            answer = ask(question, params=params, store=store)
        if caller != LOCAL and caller.role != "clinician":
            seen = answer.counted()
        else:
            of_own = answer if caller == LOCAL else answer.of(caller.institution)
            seen = of_own.named(key=self.keys.secret("pseudonym"))
        asked = {"question": question, "params": dict(params), "rows": len(seen.rows)}
        entry, problem = service.record("question", asked, caller=caller)
        return QuestionOut(
            question=question, columns=list(seen.columns), rows=[list(row) for row in seen.rows],
            data_as_of=seen.data_as_of, entry=entry, entry_error=problem,
        )  # fmt: skip

    def opt_out(self, patient: str, *, undo: bool, progress: Progress = silent) -> ProfilesMade:
        """Take a patient, written as in ``north-000001``, out of all profiles and cohorts, or back in.

        Who is not known yet can opt out, too. Errors: PatientInvalid.
        """
        split_patient(patient)
        row = {"patient": patient, "at": self.now().isoformat(), "state": "in" if undo else "out"}
        folder = self.home.work / "received" / secrets.token_hex(8)
        folder.mkdir(parents=True, mode=0o700)
        try:
            with (folder / "opt-out.csv").open("w", encoding="utf-8", errors="surrogateescape", newline="") as handle:
                writer = csv.DictWriter(handle, fieldnames=list(row))
                writer.writeheader()
                writer.writerow(row)
            self.acquire(folder / "opt-out.csv", institution=OPT_OUT, format=OPT_OUT)
        finally:
            shutil.rmtree(folder)
        return self.make_profiles(progress=progress)

    def withdraw(self, institution: str, *, progress: Progress = silent) -> tuple[int, int]:
        """Remove all that an institution sent, its profiles, too, and record that; give its batches and the entry."""
        with self.store() as store:
            batches = withdraw(institution, store=store, work=self.home.work)
        made = self.make_profiles(progress=progress)
        entry = Entry(
            kind="withdrawal",
            institution=institution,
            role=LOCAL.role,
            actor="",
            digests=(("profiles", made.version),),
            content=json.dumps({"institution": institution, "batches": batches}).encode(),
        )
        ledger = open_home_ledger(self.home, self.keys)
        index = ledger.record(entry, now=self.now(), random_bytes=secrets.token_bytes)
        # Last: until then a second call completes what was cut off.
        forget(self.home.work, institution)
        return batches, index

    def unmapped(self, *, codes: Codes) -> tuple[CodeSeen, ...]:
        """List the codes of the histories that neither a concept nor the table of codes knows, most frequent first."""
        (statement,) = read_shipped("codes.hql")
        with self.store() as store:
            rows = [row for row in store.run(statement, parameters={}) if not row[-1]]
        seen = []
        for system, code, words, patients, facts, _ in rows:
            if not codes.knows(system=str(system), code=str(code), display=str(words)):
                meant = describe(str(code)) if system == "icd10" else None
                seen.append(
                    CodeSeen(
                        system=str(system),
                        code=str(code),
                        words=str(words) or meant or "",
                        patients=int(patients or 0),
                        facts=int(facts or 0),
                        known=meant is not None if system == "icd10" else None,
                    )
                )
        return tuple(seen)

    def make_profiles(self, *, progress: Progress = silent) -> ProfilesMade:
        """Compute what changed of the profiles on the engine and point the read side at the new version."""
        with self.home.lock("profiles"), self.store() as store:
            if self.retention_days:
                expire(store, before=self.now() - timedelta(days=self.retention_days), work=self.home.work)
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
