"""How histories leave again: all of an institution, or what was held too long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hive_queries.engines.base import HistoryStore
from hive_queries.pseudonyms import OPT_OUT, check_institution
from hive_queries.quarantine import drop_bad_rows
from hive_queries.work import landing_folder, notes
from strokemap.errors import InstitutionInvalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def withdraw(institution: str, *, store: HistoryStore, work: Path) -> int:
    """Remove an institution's partitions, landing and quarantine, and tell how many batches counted.

    Profiles are made anew by the caller. Cut off, it is completed by a second call, up to ``forget``, by which the
    caller says that all is done. Patients who opted out stay so. Errors: InstitutionInvalid where nothing is known of
    the institution.
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
    return batches


def expire(store: HistoryStore, *, before: datetime, work: Path) -> int:
    """Drop the batches acquired before a moment, with their quarantine, and tell how many. Opt-outs stay."""
    limit = (before - _EPOCH) // timedelta(microseconds=1)
    old = [b for b in store.batches() if b.acquired_us < limit and b.institution != OPT_OUT]
    for batch in old:
        store.drop(batch.institution, batch=batch.digest)
        drop_bad_rows(work, institution=batch.institution, batch=batch.digest)
    return len(old)
