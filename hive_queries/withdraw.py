"""How histories leave again: all of an institution, or what was held too long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hive_queries.engines.base import HistoryStore
from hive_queries.landing import landing_folder
from hive_queries.notes import notes
from hive_queries.pseudonyms import OPT_OUT, check_institution
from hive_queries.quarantine import drop_bad_rows
from strokemap.errors import InstitutionInvalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """What was removed."""

    institution: str
    batches: int


def withdraw(institution: str, *, store: HistoryStore, work: Path) -> Withdrawn:
    """Remove an institution's partitions, landing and quarantine; profiles are made anew by whoever calls this.

    Cut off, it is completed by a second call, up to ``forget``, by which the caller says that all is done. Patients who
    opted out stay so. Errors: InstitutionInvalid where nothing is known of the institution.
    """
    check_institution(institution)
    left = (work / "landing" / institution).exists() or institution in notes(work)
    if institution == OPT_OUT:
        raise InstitutionInvalid(
            "Opt-outs can't be withdrawn: everybody would be back.",
            hint="Undo one with: strokemap histories opt-out PATIENT --undo.",
            where="institution",
        )
    with landing_folder(work, institution):
        batches = store.drop(institution)
        quarantine = drop_bad_rows(work, institution=institution)
    if not (batches or quarantine or left):
        raise InstitutionInvalid(
            f"Nothing is held of an institution “{institution}”.",
            hint="List the institutions with: strokemap histories status.",
            where="institution",
        )
    return Withdrawn(institution=institution, batches=batches)


def expire(store: HistoryStore, *, before: datetime, work: Path) -> int:
    """Drop the batches acquired before a moment, with their quarantine, and tell how many. Opt-outs stay."""
    limit = (before - _EPOCH) // timedelta(microseconds=1)
    old = [b for b in store.batches() if b.acquired_us < limit and b.institution != OPT_OUT]
    for batch in old:
        store.drop(batch.institution, batch=batch.digest)
        drop_bad_rows(work, institution=batch.institution, batch=batch.digest)
    return len(old)
