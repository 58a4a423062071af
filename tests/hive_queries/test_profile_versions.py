"""A version of the profiles computed from the changed patients alone is the one computed from all, cell for cell."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hive_queries import HistoryStore, make_profiles, pseudonym, withdraw
from hive_queries import profiles as profiles_module
from hive_queries.acquire import Acquired
from hive_queries.profiles import Profiles, ProfilesMade
from strokemap.errors import PatientUnknown
from strokemap.progress import silent

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CODES = ("87486003", "422504002", "49436004", "311555007", "59621000")
Make = Callable[..., ProfilesMade]
Writer = Callable[..., Path]
Take = Callable[..., Acquired]


@pytest.fixture
def make(store: HistoryStore, tmp_path: Path) -> Make:
    """Makes a version, going on from the one given."""

    def version(since: str | None = None, *, name: str = "profiles") -> ProfilesMade:
        return make_profiles(store, folder=tmp_path / name, progress=silent, now=NOW, since=since)

    return version


def rows(folder: Path, version: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(folder / f"{version.partition('-')[0]}.sqlite")
    found = connection.execute("SELECT * FROM profiles ORDER BY patient").fetchall()
    connection.close()
    return found


def resource(chance: random.Random) -> dict[str, object]:
    """A made-up resource with one of few ids, so that it often corrects, moves or takes back an older one."""
    patient = f"p{chance.randrange(6)}"
    if chance.random() < 0.3:
        gender, death = chance.choice(("female", "male")), chance.choice(({}, {"deceasedDateTime": "2025-06-01"}))
        return {"resourceType": "Patient", "id": patient, "gender": gender, **death}
    return {
        "resourceType": "Condition", "id": str(chance.randrange(8)), "subject": {"reference": f"Patient/{patient}"},
        "onsetDateTime": f"2025-0{chance.randrange(1, 9)}",
        "verificationStatus": {"coding": [{"code": chance.choice(("confirmed", "confirmed", "entered-in-error"))}]},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": chance.choice(CODES)}]},
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_version_of_changed_patients_is_the_one_of_all(
    seed: int, make: Make, take: Take, store: HistoryStore, work: Path, ndjson: Writer, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    since = None
    for step in range(8):
        institution = chance.choice(("north", "lake"))
        if step > 1 and chance.random() < 0.2 and any(item.institution == institution for item in store.batches()):
            withdraw(institution, store=store, work=work)
        elif chance.random() < 0.3:
            opted = tmp_path / f"opt-out-{step}.csv"
            state = chance.choice(("out", "out", "in"))
            opted.write_text(f"patient,at,state\n{institution}-p{chance.randrange(6)},2026-01-0{step + 1},{state}\n")
            take(opted, "opt_out", institution="opt_out")
        else:
            extract = ndjson(*(resource(chance) for _ in range(chance.randrange(1, 4))), name=f"{step}.ndjson")
            take(extract, "fhir", institution=institution)
        made, whole = make(since), make(name="whole")
        assert rows(tmp_path / "profiles", made.version) == rows(tmp_path / "whole", whole.version)
        assert made.version == whole.version
        since = made.version


def test_only_touched_patients_are_computed(make: Make, take: Take, ist_file: Writer) -> None:
    take(ist_file({}, {}, {"RDEF4": "Y"}), "ist")
    first = make()
    take(ist_file({"SEX": "M"}, name="other.csv"), "ist", institution="lake")
    second = make(first.version)
    assert (first.computed, second.computed, second.patients) == (3, 1, 4)
    assert make(second.version).computed == 0


def test_all_are_computed_after_a_withdrawal_or_with_other_texts(
    make: Make, take: Take, store: HistoryStore, work: Path, ist_file: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ist_file({}, {})
    take(path, "ist")
    first = make()
    withdraw("north", store=store, work=work)
    take(path, "ist")
    second = make(first.version)
    assert (second.computed, second.patients) == (2, 2)
    monkeypatch.setattr(profiles_module, "_texts", lambda: "another version's")
    assert make(second.version).computed == 2


def test_nothing_of_a_patient_whose_rows_were_taken_back_is_left_in_the_file(
    make: Make, take: Take, ndjson: Writer, tmp_path: Path, key: bytes
) -> None:
    coding = [{"system": "http://snomed.info/sct", "code": "87486003", "display": "rare word"}]
    said = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [coding]},
    }
    take(ndjson(said, {"resourceType": "Patient", "id": "p2"}), "fhir")
    first = make()
    taken_back = {**said, "verificationStatus": {"coding": [{"code": "entered-in-error"}]}}
    take(ndjson(taken_back, name="back.ndjson"), "fhir")
    second = make(first.version)
    assert (second.computed, second.patients) == (1, 1)
    assert b"rare word" in (tmp_path / "profiles" / "1.sqlite").read_bytes()
    assert b"rare word" not in (tmp_path / "profiles" / "2.sqlite").read_bytes()
    profiles = Profiles.open(tmp_path / "profiles", second.version)
    with pytest.raises(PatientUnknown):
        profiles.get(pseudonym("north-p1", key=key))
    profiles.close()


def test_each_profile_tells_how_old_its_institutions_data_are(make: Make, take: Take, ist_file: Writer, key: bytes,
                                                              tmp_path: Path) -> None:  # fmt: skip
    take(ist_file({}), "ist")
    take(ist_file({"SEX": "M"}, name="other.csv"), "ist", institution="lake")
    profiles = Profiles.open(tmp_path / "profiles", make().version)
    ages = {name: profiles.get(pseudonym(f"{name}-000001", key=key)).data_as_of for name in ("north", "lake")}
    profiles.close()
    assert ages == {"north": "2026-01-01T00:01:00+00:00", "lake": "2026-01-01T00:02:00+00:00"}
