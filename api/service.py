"""The one place where an answer meets its entry on the ledger; command line, HTTP and screens all call this."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from api.access import Caller, check_action, check_patient
from api.reader import Reader
from api.schemas import EntryError, RecommendOut, recommend_out
from api.search_schemas import SearchOut, search_out
from api.state import State
from hive_queries import pseudonym
from ledger import Entry, Ledger, open_ledger
from recommend import recommend
from search import Query, search
from strokemap.errors import LedgerBusy
from strokemap.home import Home
from strokemap.keys import Keys

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Give the present time: the clock of the faces."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Searching and recommending, each with its entry. One for a process; safe for threads."""

    home: Home
    keys: Keys
    reader: Reader
    state: State
    ledger: Ledger
    now: Clock
    random_bytes: Callable[[int], bytes]

    def search(self, query: Query, *, caller: Caller) -> SearchOut:
        """Answer a query and record it. Errors: of search/, AccessDenied; a busy log does not hold the answer back."""
        check_action(caller, "search")
        started = time.perf_counter()
        read = self.reader.current()
        answer = search(query, projection=read.projection, index=read.index, gate=read.gate)
        asked = {
            "query": query.text,
            "audience": query.audience,
            "expand": query.expand,
            "with": query.with_terms,
            "without": query.without_terms,
            "limit": query.limit,
            "offset": query.offset,
            "filters": [query.filters.source, query.filters.kind, query.filters.stage],
            "expansion": [[term.term, term.weight] for term in answer.expansion],
            "results": [result.id for result in answer.results],
        }
        digests = (("build", read.projection.digest), ("index", read.index.digest))
        entry, problem = self.record("search", asked, digests=digests, caller=caller)
        took = (time.perf_counter() - started) * 1000
        return search_out(answer, entry=entry, entry_error=problem, took_ms=took)

    def recommend(self, patient: str, *, as_of: date | None, limit: int, caller: Caller) -> RecommendOut:
        """Recommend for one patient and record it. Errors: AccessDenied, PatientUnknown, ProfilesMissing."""
        check_action(caller, "recommend")
        check_patient(caller, patient)
        read = self.reader.current()
        profile = read.histories().get(pseudonym(patient, key=self.keys.secret("pseudonym")))
        recommendation = recommend(
            profile,
            patient=patient,
            as_of=as_of or self.now().date(),
            projection=read.projection,
            index=read.index,
            rulebook=read.rulebook,
            weights=read.weights,
            limit=limit,
        )
        asked = {
            "patient": patient,
            "as_of": recommendation.as_of.isoformat(),
            "limit": limit,
            "results": [result.id for result in recommendation.results],
            "withheld": [[held.id, held.rule] for held in recommendation.withheld],
        }
        digests = (
            ("build", read.projection.digest),
            ("index", read.index.digest),
            ("profiles", recommendation.profile_version),
        )
        entry, problem = self.record("recommendation", asked, digests=digests, caller=caller)
        sees_withheld = caller.role != "patient"
        return recommend_out(recommendation, entry=entry, entry_error=problem, sees_withheld=sees_withheld)

    def record(
        self, kind: str, asked: dict[str, object], *, caller: Caller, digests: tuple[tuple[str, str], ...] = ()
    ) -> tuple[int | None, EntryError | None]:
        """Put what was asked and answered on the ledger; where the log is busy, give the reason instead."""
        now = self.now()
        entry = Entry(
            kind=kind,
            institution=caller.institution or "local",
            role=caller.role,
            actor=self.state.actor(caller, now=now, random_bytes=self.random_bytes),
            digests=digests,
            content=json.dumps(asked, ensure_ascii=False, sort_keys=True).encode(),
        )
        try:
            return self.ledger.record(entry, now=now, random_bytes=self.random_bytes), None
        except LedgerBusy as error:
            return None, EntryError(code=error.code, message=error.message)


def open_service(
    home: Home, keys: Keys, *, now: Clock = utc_now, random_bytes: Callable[[int], bytes] = secrets.token_bytes
) -> Service:
    """Open all that answering needs; nothing is read from the map or the index before the first question."""
    return Service(
        home=home,
        keys=keys,
        reader=Reader(home),
        state=State(home.state, key=keys.secret("token")),
        ledger=open_home_ledger(home, keys),
        now=now,
        random_bytes=random_bytes,
    )


def open_home_ledger(home: Home, keys: Keys) -> Ledger:
    """Open the ledger of a home with its keys."""
    return open_ledger(
        home.ledger,
        vault=home.vault,
        origin=home.origin,
        ledger_key=keys.secret("ledger"),
        vault_key=keys.secret("vault"),
    )
