"""Profiles: what is known when, and the projection for the read side."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hive_queries import Fact, HistoryStore, Profile, make_profiles, pseudonym, published_profiles
from hive_queries.acquire import Acquired
from hive_queries.facts import Stroke, print_date, with_strokes
from hive_queries.profiles import Profiles, prune_profiles
from hive_queries.statement import read_shipped
from strokemap.errors import FormatUnknown, HomeUnwritable, PatientUnknown, ProfilesMissing
from strokemap.home import Home
from strokemap.progress import silent
from tests.hive_queries.made_up_lake import resources, write_events

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Writer = Callable[..., Path]
Take = Callable[..., Acquired]


@pytest.fixture
def one_profile(store: HistoryStore, tmp_path: Path, key: bytes) -> Callable[[str], Profile]:
    """Makes the profiles and gives that of one patient."""

    def make(patient: str) -> Profile:
        made = make_profiles(store, folder=tmp_path / "profiles", progress=silent, now=NOW)
        profiles = Profiles.open(tmp_path / "profiles", made.version)
        assert len(profiles) == made.patients
        profile = profiles.get(pseudonym(patient, key=key))
        profiles.close()
        return profile

    return make


def test_ist_profile_is_the_golden_one(ist_file: Writer, take: Take, one_profile: Callable[[str], Profile]) -> None:
    take(ist_file({"RDEF4": "Y", "RDEF5": "C", "RATRIAL": "Y"}), "ist")
    profile = one_profile("north-000001")
    assert (profile.institution, profile.sex, profile.birth_year) == ("north", "F", 1921)
    assert (profile.stroke_on, profile.stroke_precision, profile.stroke_type) == (
        date(1991, 1, 1),
        "month",
        "ischaemic",
    )
    known = {(fact.column, fact.value, fact.kind, fact.printed_date) for fact in profile.facts}
    assert {
        ("RDEF4", "Y", "deficit", "1991-01"),
        ("RDEF5", "C", "deficit", "1991-01"),
        ("RDEF1", "N", "deficit", "1991-01"),
        ("RATRIAL", "Y", "condition", "1991-01"),
        ("RSBP", "150", "observation", "1991-01"),
        ("FDENNIS", "Y", "outcome", "1991-07"),
    } < known
    assert profile.facts == tuple(sorted(profile.facts, key=lambda fact: fact.on or date.min))


def test_nothing_of_the_future_is_known(ist_file: Writer, take: Take, one_profile: Callable[[str], Profile]) -> None:
    take(ist_file({"FDEAD": "Y", "FDEADD": "60"}), "ist")
    profile = one_profile("north-000001")
    assert profile.died_on == date(1991, 3, 2)
    early, fortnight = profile.known_at(date(1991, 1, 14)), profile.known_at(date(1991, 1, 15))
    assert (early.stroke_type, fortnight.stroke_type) == ("unknown", "ischaemic")
    assert {fact.column for fact in fortnight.facts} - {fact.column for fact in early.facts} >= {"DDIAGISC", "DDEAD"}
    assert not {"FDENNIS", "OCCODE", "FDEAD"} & {fact.column for fact in fortnight.facts}
    assert (fortnight.died_on, fortnight.died_precision) == (None, "")
    before = profile.known_at(date(1990, 12, 31))
    assert (before.facts, before.stroke_on, before.stroke_type) == ((), None, "")


def test_final_diagnosis_of_no_stroke_undoes_the_stroke(
    ist_file: Writer, take: Take, one_profile: Callable[[str], Profile]
) -> None:
    take(ist_file({"DDIAGISC": "N", "DNOSTRK": "Y"}), "ist")
    profile = one_profile("north-000001")
    assert profile.stroke_on is None
    assert profile.known_at(date(1991, 1, 2)).stroke_on == date(1991, 1, 1)


def test_three_institutions_give_profiles_of_one_shape(
    ist_file: Writer, ndjson: Writer, csv_folder: Writer, take: Take, one_profile: Callable[[str], Profile]
) -> None:
    take(ist_file({}), "ist")
    coding = [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I61.9", "display": "Bleeding␟ in ␞the brain\n"}]
    take(
        ndjson(
            {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p1"}, "code": {"coding": coding},
             "recordedDate": "2025-03-04T05:06:07Z"}
        ),
        "fhir", institution="lake",
    )  # fmt: skip
    stroke = {"START": "2019-05-06", "PATIENT": "p1", "CODE": "230690007", "DESCRIPTION": "Stroke", "ENCOUNTER": ""}
    person = {"Id": "p1", "BIRTHDATE": "1950", "GENDER": "M", "DEATHDATE": "2020-02-03"}
    take(csv_folder(patients=[person], conditions=[stroke]), "synthea", institution="river")
    lake, river = one_profile("lake-p1"), one_profile("river-p1")
    # No row of the patient came, yet the fact counts.
    assert (lake.sex, lake.birth_year, lake.stroke_on, lake.stroke_type) == ("", None, date(2025, 3, 4), "haemorrhagic")
    assert (lake.facts[0].display, lake.facts[0].column) == ("Bleeding in the brain", "Condition.code")
    assert (river.sex, river.died_on, river.stroke_precision, river.stroke_type) == (
        "M",
        date(2020, 2, 3),
        "day",
        "unknown",
    )
    assert one_profile("north-000001").stroke_type == "ischaemic"


def test_version_depends_on_the_rows_alone_and_the_number_grows(
    ist_file: Writer, take: Take, store: HistoryStore, tmp_path: Path
) -> None:
    take(ist_file({}), "ist")
    folder = tmp_path / "profiles"
    versions = [
        make_profiles(store, folder=folder, progress=silent, now=NOW + timedelta(days=days)).version for days in (0, 1)
    ]
    assert [version.split("-")[0] for version in versions] == ["1", "2"]
    assert versions[0].split("-")[1] == versions[1].split("-")[1]
    assert prune_profiles(folder, keep=versions[1]) == 1
    with pytest.raises(ProfilesMissing):
        Profiles.open(folder, versions[0])


def test_published_profiles_are_those_that_home_points_to(
    ist_file: Writer, take: Take, store: HistoryStore, home: Home
) -> None:
    with pytest.raises(ProfilesMissing):
        published_profiles(home)
    take(ist_file({}), "ist")
    home.point("profiles", make_profiles(store, folder=home.profiles, progress=silent, now=NOW).version)
    profiles = published_profiles(home)
    assert profiles.made_at == NOW
    assert len(list(profiles)) == 1
    with pytest.raises(PatientUnknown):
        profiles.get("0" * 32)
    profiles.close()


def test_read_side_holds_these_columns_and_no_others(store: HistoryStore, tmp_path: Path) -> None:
    """What a recommendation reads: no encounter, no site, no row key, and of a batch only its name and time."""
    make_profiles(store, folder=tmp_path / "profiles", progress=silent, now=NOW)
    with closing(sqlite3.connect(tmp_path / "profiles" / "1.sqlite")) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in tables}
    profile = ["institution", "patient", "sex", "birth_year", "died_on", "died_precision", "facts", "articles"]
    assert columns == {
        "about": ["name", "value"], "batches": ["institution", "batch", "acquired_us"], "profiles": profile,
    }  # fmt: skip
    (statement,) = read_shipped("profile.hql")
    assert [column.name for column in statement.columns] == profile
    fact = "on precision kind system code column value display institution concept answer"
    assert {field.name for field in fields(Fact)} == set(fact.split())


def test_store_without_batches_gives_no_profiles(store: HistoryStore, tmp_path: Path) -> None:
    assert make_profiles(store, folder=tmp_path / "profiles", progress=silent, now=NOW).patients == 0


@pytest.mark.parametrize("written", ["strokemap-profiles-2", "strokemap-profiles-99"])
def test_damaged_foreign_or_swapped_file_is_refused(store: HistoryStore, tmp_path: Path, written: str) -> None:
    folder = tmp_path / "profiles"
    version = make_profiles(store, folder=folder, progress=silent, now=NOW).version
    with pytest.raises(ProfilesMissing):
        Profiles.open(folder, "../1-0000000000000000")
    with pytest.raises(FormatUnknown):
        Profiles.open(folder, "1-0000000000000000")
    connection = sqlite3.connect(folder / "1.sqlite")
    with connection:
        connection.execute("UPDATE about SET value = ? WHERE name = 'format'", (written,))
    connection.close()
    with pytest.raises(FormatUnknown):
        Profiles.open(folder, version)
    (folder / "1.sqlite").write_bytes(b"not a database")
    with pytest.raises(FormatUnknown):
        Profiles.open(folder, version)


def test_unwritable_folder_is_reported(store: HistoryStore, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with pytest.raises(HomeUnwritable):
        make_profiles(store, folder=tmp_path / "plain", progress=silent, now=NOW)


@pytest.mark.parametrize(
    ("precision", "printed"), [("day", "1991-02-03"), ("month", "1991-02"), ("year", "1991"), ("unknown", "")]
)
def test_date_is_printed_with_no_more_than_its_precision(precision: str, printed: str) -> None:
    assert print_date(date(1991, 2, 3), precision) == printed
    assert print_date(None, precision) == ""


def bare(*strokes: Stroke, facts: tuple[Fact, ...] = ()) -> Profile:
    return with_strokes(
        Profile(
            patient="x", institution="north", version="1", sex="", birth_year=None, died_on=None, died_precision="",
            stroke_on=None, stroke_precision="", stroke_type="", facts=facts,
        ),
        strokes,
    )  # fmt: skip


def stroke(on: date | None, type: str) -> Stroke:
    return Stroke(on=on, precision="day", type=type)


def test_type_is_that_of_the_first_stroke() -> None:
    first, typed, other = date(2020, 1, 1), date(2020, 1, 20), date(2024, 1, 1)
    assert bare(stroke(first, "unknown"), stroke(typed, "haemorrhagic")).stroke_type == "haemorrhagic"
    assert bare(stroke(first, "unknown"), stroke(other, "ischaemic")).stroke_type == "unknown"
    assert bare(stroke(other, "ischaemic"), stroke(first, "unknown")).stroke_on == first


@settings(derandomize=True, deadline=None)
@given(
    strokes=st.lists(
        st.tuples(
            st.none() | st.dates(date(2020, 1, 1), date(2020, 12, 31)),
            st.sampled_from(["unknown", "ischaemic", "haemorrhagic", "none"]),
        ),
        max_size=5,
    ),
    as_of=st.dates(date(2020, 1, 1), date(2020, 12, 31)),
)
def test_profile_known_on_a_day_is_the_one_made_of_what_was_known(
    strokes: list[tuple[date | None, str]], as_of: date
) -> None:
    all_of_them = [stroke(on, type) for on, type in strokes]
    known = [item for item in all_of_them if item.on is None or item.on <= as_of]
    assert bare(*all_of_them).known_at(as_of) == bare(*known)


def test_profile_tells_deficits_course_rehabilitation_living_language_and_articles(
    ist_file: Writer, ndjson: Writer, take: Take, one_profile: Callable[[str], Profile], tmp_path: Path
) -> None:  # fmt: skip
    take(ist_file({"RDEF4": "Y", "RDEF5": "C", "RATRIAL": "Y"}), "ist")
    spoken = {"communication": [{"language": {"coding": [{"code": "pt"}]}}]}
    take(ndjson({"resourceType": "Patient", "id": "struck", **spoken}, *resources()), "fhir", institution="lake")
    take(write_events(tmp_path), "events", institution="strokemap")
    ist, struck = one_profile("north-000001"), one_profile("lake-struck")
    deficits = {fact.concept.removeprefix("deficit "): fact.answer for fact in ist.newest("deficit")}
    assert (deficits["aphasia"], deficits["hemianopia"], deficits["face"]) == ("yes", "not assessed", "no")
    assert len(deficits) == 8
    assert [(fact.concept, fact.answer) for fact in ist.newest("risk")] == [("risk atrial fibrillation", "yes")]
    assert [fact.value for fact in struck.stated("scale nihss")] == ["12", "5"]
    assert [fact.printed_date for fact in struck.stated("scale mrs")] == ["2025-04", "2025-05-01"]
    assert len(struck.stated("rehabilitation")) == 3
    assert [fact.answer for fact in struck.newest("language")] == ["pt"]
    assert [(fact.code, fact.answer) for fact in struck.articles] == [
        ("lib:one", "sent"),
        ("lib:one", "read"),
        ("lib:one", "helpful"),
    ]
    assert {fact.institution for fact in struck.articles} == {"strokemap"}
    assert (struck.institution, struck.stroke_type) == ("lake", "ischaemic")
    early = struck.known_at(date(2025, 1, 31))
    assert (len(early.stated("scale nihss")), early.stated("scale mrs"), early.articles) == (2, (), ())


def test_profile_tells_where_the_patient_lives(
    ist_file: Writer, take: Take, one_profile: Callable[[str], Profile]
) -> None:
    take(ist_file({"DPLACE": "E", "FPLACE": "A"}), "ist")
    profile = one_profile("north-000001")
    assert [fact.answer for fact in profile.newest("living")] == ["home"]
    assert [fact.answer for fact in profile.known_at(date(1991, 2, 1)).newest("living")] == [
        "another hospital department"
    ]
