"""The real extracts, whole."""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hive_queries import HistoryStore, ask, make_profiles, pseudonym, withdraw
from hive_queries.acquire import Acquired
from hive_queries.profiles import Profiles
from hive_queries.quarantine import quarantined
from hive_queries.questions import status
from strokemap.progress import silent

pytestmark = [pytest.mark.data, pytest.mark.slow]
Take = Callable[..., Acquired]


def test_all_patients_of_three_institutions_load_and_have_a_profile(
    test_data: Path, take: Take, store: HistoryStore, tmp_path: Path, key: bytes
) -> None:
    patients = test_data / "patients"
    trial = take(patients / "ist.csv.gz", "ist", institution="ist")
    assert (trial.rows, trial.patients, trial.quarantined) == (19435, 19435, 0)
    a = take(patients / "synthea-a", "synthea", institution="a")
    assert (a.rows, a.patients, a.quarantined) == (1000 + 20512 + 17922, 1000, 0)
    b = take(patients / "synthea-b", "synthea", institution="b")
    # All 375 rows of this vintage's medications lack the cell DISPENSES that its header has.
    assert (b.rows, b.patients, b.quarantined) == (1000 + 48144 + 182242 + 512, 1000, 375)
    bad = list(quarantined(tmp_path / "work", key=key))
    assert {(row.file, row.field, row.reason) for row in bad} == {
        ("medications.csv", "REASONDESCRIPTION", "8 cells under a header of 9")
    }
    assert [row.line for row in bad] == list(range(2, 377))
    assert take(patients / "ist.csv.gz", "ist", institution="ist").already
    assert {item.institution: item.patients for item in status(store, work=tmp_path / "work")} == {
        "a": 1000, "b": 1000, "ist": 19435,
    }  # fmt: skip
    made = make_profiles(store, folder=tmp_path / "profiles", progress=silent, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert made.patients == 21435
    profiles = Profiles.open(tmp_path / "profiles", made.version)
    check_trial(profiles, key=key)
    strokes = Counter((item.institution, item.stroke_type) for item in profiles if item.stroke_on)
    # The trial's final diagnoses: 17,398 ischaemic, 599 haemorrhagic, 992 + 26 unknown, and 420 that were no stroke.
    assert strokes == {
        ("ist", "ischaemic"): 17398, ("ist", "haemorrhagic"): 599, ("ist", "unknown"): 1018, ("a", "unknown"): 51,
    }  # fmt: skip
    profiles.close()
    check_together_and_apart(store, tmp_path)


def check_together_and_apart(store: HistoryStore, folder: Path) -> None:
    """One question is answered by all three together; each leaves without touching the others' answers and profiles."""

    def held() -> tuple[dict[str, list[object]], dict[str, list[object]]]:
        made = make_profiles(store, folder=folder / "profiles", progress=silent, now=datetime(2026, 1, 1, tzinfo=UTC))
        with closing(sqlite3.connect(folder / "profiles" / f"{made.version.partition('-')[0]}.sqlite")) as connection:
            profiles = connection.execute("SELECT * FROM profiles ORDER BY patient").fetchall()
        answer = ask("risk-factors", params={}, store=store).rows
        names = sorted({str(row[0]) for row in (*profiles, *answer)})
        return tuple({name: [row for row in rows if row[0] == name] for name in names} for rows in (answer, profiles))

    answer, profiles = held()
    assert {name: len({row[1] for row in rows}) for name, rows in answer.items()} == {"a": 544, "b": 512, "ist": 3169}
    for name in ("a", "ist", "b"):
        withdraw(name, store=store, work=folder / "work")
        for before in (answer, profiles):
            del before[name]
        assert held() == (answer, profiles)


def check_trial(profiles: Profiles, *, key: bytes) -> None:
    first = profiles.get(pseudonym("ist-000001", key=key))
    assert (first.sex, first.birth_year, first.stroke_on) == ("M", 1922, date(1991, 1, 1))
    facts = {fact.column: fact.value for fact in first.facts}
    assert (facts["RDEF4"], facts["RDEF5"], facts["RSBP"], facts["STYPE"], facts["OCCODE"]) == (
        "Y",
        "N",
        "140",
        "PACS",
        "2",
    )
    deficits = Counter(
        (fact.column, fact.value) for profile in profiles for fact in profile.facts if fact.kind == "deficit"
    )
    assert deficits["RDEF4", "Y"] == 8509
    assert deficits["RDEF5", "C"] == 3945
    assert sum(deficits.values()) == 8 * 19435
    for profile in itertools.islice(profiles, 500):
        if profile.stroke_on and profile.institution == "ist":
            known = profile.known_at(profile.stroke_on + timedelta(days=13))
            assert {fact.on for fact in known.facts} == {profile.stroke_on}
            assert not [fact for fact in known.facts if fact.column[0] in "DF"]
