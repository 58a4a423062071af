"""Acquisition: exactly once, bad rows apart, no plain id in any stored byte."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hive_queries import HistoryStore, make_profiles, pseudonym, withdraw
from hive_queries.acquire import Acquired, acquire
from hive_queries.dialect import read_statements
from hive_queries.profiles import Profiles
from hive_queries.quarantine import quarantined
from hive_queries.questions import status
from hive_queries.statement import tables
from hive_queries.work import forget
from strokemap.errors import BatchMalformed, FormatUnknown, HomeUnwritable, InputMissing, InstitutionInvalid, UsageError
from strokemap.progress import silent
from tests.hive_queries.conftest import KEY

Writer = Callable[..., Path]
Take = Callable[..., Acquired]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
IST_LINES = f"HOSPNUM,SEX,AGE,STYPE,RDATE,{','.join(f'RDEF{n}' for n in range(1, 9))}\né,F,70,PACS,sty-91{',N' * 8}\n"
PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1950"}


def everything(store: HistoryStore) -> list[tuple[object, ...]]:
    """All rows of all tables, without the time of acquisition."""
    rows: list[tuple[object, ...]] = []
    for table in tables():
        names = [item.name for item in table.columns if item.name != "acquired_us"]
        dates = {item.name for item in table.columns if item.type == "date"}
        columns = ", ".join(f"DATE_FORMAT({n}, 'yyyy-MM-dd') AS {n}" if n in dates else n for n in names)
        (statement,) = read_statements(f"SELECT {columns}, institution, batch FROM {table.name}", where="")
        rows += sorted(((table.name, *row) for row in store.run(statement, parameters={})), key=repr)
    return rows


def test_same_extract_sent_twice_changes_nothing(ist_file: Writer, take: Take, store: HistoryStore) -> None:
    first = take(ist_file({}, {"RDEF4": "Q"}), "ist")
    before = everything(store)
    second = take(ist_file({}, {"RDEF4": "Q"}, name="renamed.csv"), "ist")
    assert (first.already, second.already) == (False, True)
    assert (first.batch, first.rows, first.patients, first.quarantined) == (
        second.batch, second.rows, second.patients, second.quarantined,
    )  # fmt: skip
    assert (first.rows, first.quarantined) == (1, 1)
    assert everything(store) == before
    assert before


def test_corrected_row_replaces_the_whole_older_row(
    ndjson: Writer, take: Take, store: HistoryStore, tmp_path: Path, key: bytes
) -> None:
    def condition(code: str, **more: object) -> dict[str, object]:
        coding = [{"system": "http://snomed.info/sct", "code": part} for part in code.split()]
        return {
            "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "onsetDateTime": "2026",
            "code": {"coding": coding}, **more,
        }  # fmt: skip

    def codes() -> list[str]:
        made = make_profiles(store, folder=tmp_path / "profiles", progress=silent, now=NOW)
        profiles = Profiles.open(tmp_path / "profiles", made.version)
        found = [fact.code for fact in profiles.get(pseudonym("north-p1", key=key)).facts]
        profiles.close()
        return found

    take(ndjson(PATIENT, condition("1 2")), "fhir")
    assert codes() == ["1", "2"]
    take(ndjson(condition("3")), "fhir")
    assert codes() == ["3"]
    take(ndjson(condition("3", verificationStatus={"coding": [{"code": "entered-in-error"}]})), "fhir")
    assert codes() == []


def test_corrected_row_takes_back_facts_of_every_table(
    ist_file: Writer, take: Take, store: HistoryStore, tmp_path: Path, key: bytes
) -> None:
    take(ist_file({"RATRIAL": "Y"}), "ist")
    emptied = dict.fromkeys(("RATRIAL", "STYPE", "DDIAGISC", "DDIAGHA", "DNOSTRK"), "")
    take(ist_file(emptied), "ist")
    made = make_profiles(store, folder=tmp_path / "profiles", progress=silent, now=NOW)
    profiles = Profiles.open(tmp_path / "profiles", made.version)
    kinds = {fact.kind for fact in profiles.get(pseudonym("north-000001", key=key)).facts}
    profiles.close()
    assert kinds == {"deficit", "observation", "outcome"}


def test_later_batch_holds_even_when_the_clock_was_set_back(
    ist_file: Writer, store: HistoryStore, work: Path, key: bytes
) -> None:
    for minutes, name, rdef4 in ((10, "a.csv", "Y"), (0, "b.csv", "N")):
        acquire(
            ist_file({"RDEF4": rdef4}, name=name), institution="north", format="ist", store=store, work=work, key=key,
            now=NOW + timedelta(minutes=minutes), progress=silent,
        )  # fmt: skip
    (latest,) = read_statements("SELECT source_value FROM latest_events WHERE code = 'RDEF4'", where="")
    assert list(store.run(latest, parameters={})) == [("N",)]


def test_bad_rows_are_kept_apart_with_their_place_sealed_and_readable_by_the_owner_only(
    ist_file: Writer, take: Take, store: HistoryStore, work: Path, key: bytes
) -> None:
    take(ist_file({}, {"AGE": "CANARY"}, {}), "ist")
    (row,) = quarantined(work, key=key)
    assert (row.institution, row.file, row.line, row.field) == ("north", "ist.csv", 3, "AGE")
    assert "CANARY" not in row.reason
    assert "CANARY" in str(row.row)
    (file,) = (work / "quarantine").rglob("*.sealed")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes().count(b"\n") == 1
    assert not {word for word in (b"CANARY", b"AGE", b"ist.csv", b"PACS") if word in file.read_bytes()}
    (held,) = status(store, work=work)
    assert (held.institution, held.patients, held.batches, held.rows, held.quarantined) == ("north", 2, 1, 2, 1)
    assert list(quarantined(work, key=key, institution="south")) == []
    with pytest.raises(FormatUnknown):
        list(quarantined(work, key=b"x" * 32))
    # As an older version left them, and as damage or a line of another institution's does.
    for text in ('{"file": "ist.csv", "line": 3}\n', file.read_text()[4:], "\n"):
        (file.parent / f"{'a' * 64}.jsonl").write_text(text)
        with pytest.raises(FormatUnknown) as refusal:
            list(quarantined(work, key=key))
        assert str(refusal.value.where).endswith("aa.jsonl:1")


@pytest.mark.parametrize(
    ("content", "format", "error"),
    [
        (b"", "ist", BatchMalformed),
        (b"\xff\xfe\x00", "ist", BatchMalformed),
        (IST_LINES.encode("latin-1"), "ist", BatchMalformed),
        (IST_LINES.encode("utf-16"), "ist", BatchMalformed),
        (IST_LINES.encode("utf-16-le"), "ist", BatchMalformed),
        ('{"resourceType": "Patient", "id": "é"}\n'.encode("latin-1"), "fhir", BatchMalformed),
        ('{"resourceType": "Patient", "id": "p"}\n'.encode("utf-16-le"), "fhir", BatchMalformed),
        (b"not json\n", "fhir", BatchMalformed),
        (b'{"resourceType": "Organization"}\n', "fhir", BatchMalformed),
        (b"x", "hl7v2", UsageError),
        (b"x", "synthea", InputMissing),
        (None, "ist", InputMissing),
    ],
)
def test_unusable_extract_leaves_nothing(
    content: bytes | None, format: str, error: type[Exception], take: Take, store: HistoryStore, tmp_path: Path
) -> None:
    path = tmp_path / "extract"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(error):
        take(path, format)
    assert store.batches() == ()
    assert list(quarantined(tmp_path / "work", key=KEY)) == []
    landing = tmp_path / "work/landing"
    assert [item.name for item in landing.iterdir() if item.is_dir()] == [] if landing.exists() else True


def test_half_characters_and_line_breaks_in_cells_are_no_trouble(
    ndjson: Writer, ist_file: Writer, take: Take, store: HistoryStore, work: Path
) -> None:
    half = "\ud800"
    coding = {"system": half, "code": f"1{half}", "display": f"One{half}"}
    condition = {
        "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": f"Encounter/{half}"}, "code": {"coding": [coding]},
    }  # fmt: skip
    lake = take(ndjson(PATIENT, condition, {**PATIENT, "id": half}, {"resourceType": half}), "fhir")
    assert (lake.rows, lake.quarantined) == (2, 1)
    assert [(row.line, row.field) for row in quarantined(work, key=KEY)] == [(3, "Patient.id")]
    assert take(ist_file({"HOSPNUM": "a\nb\x00c"}), "ist", institution="south").rows == 1
    (sites,) = read_statements("SELECT site FROM patients WHERE institution = 'south'", where="")
    assert list(store.run(sites, parameters={})) == [("A B C",)]


def test_withdrawing_removes_all_of_one_institution_only(
    ist_file: Writer, take: Take, store: HistoryStore, work: Path, tmp_path: Path
) -> None:
    path = ist_file({}, {"AGE": "x"})
    take(path, "ist")
    take(path, "ist", institution="south")
    assert withdraw("north", store=store, work=work) == 1
    assert {batch.institution for batch in store.batches()} == {"south"}
    assert {row.institution for row in quarantined(work, key=KEY)} == {"south"}
    forget(work, "north")
    assert not [item for item in tmp_path.rglob("*north*") if item.name not in ("north.lock", "institution-north")]
    with pytest.raises(InstitutionInvalid):
        withdraw("north", store=store, work=work)


def test_unwritable_work_folder_is_reported(ist_file: Writer, store: HistoryStore, tmp_path: Path, key: bytes) -> None:
    (tmp_path / "plain").touch()
    with pytest.raises(HomeUnwritable):
        acquire(
            ist_file({}), institution="north", format="ist", store=store, work=tmp_path / "plain", key=key, now=NOW,
            progress=silent,
        )  # fmt: skip


def test_no_plain_id_and_no_name_is_in_any_stored_byte(
    ndjson: Writer, csv_folder: Writer, take: Take, store: HistoryStore, tmp_path: Path
) -> None:
    canary = "CANARY"
    named = {"resourceType": "Patient", "id": f"{canary}-1", "name": [{"family": canary}], "gender": "male"}
    stay = {
        "resourceType": "Encounter", "id": f"{canary}-2", "subject": {"reference": f"Patient/{canary}-1"},
        "class": {"code": "IMP"}, "period": {"start": "2026-01-01"}, "text": {"div": canary},
    }  # fmt: skip
    noted = {
        "resourceType": "Observation", "id": f"{canary}-3", "subject": {"reference": f"Patient/{canary}-1"},
        "encounter": {"reference": f"Encounter/{canary}-2"}, "code": {"text": "Note"}, "valueString": canary,
        "note": [{"text": canary}], "effectiveDateTime": "2026-01-01",
    }  # fmt: skip
    take(ndjson(named, stay, noted, name=f"{canary}.ndjson"), "fhir", institution="lake")
    person = {"Id": f"{canary}-4", "BIRTHDATE": "1950-01-01", "GENDER": "M", "FIRST": canary, "SSN": canary}
    visit = {"Id": f"{canary}-5", "START": "2020-01-01", "STOP": "", "PATIENT": f"{canary}-4", "CODE": "185349003"}
    ill = {"START": "2020-01-01", "STOP": "", "PATIENT": f"{canary}-4", "ENCOUNTER": f"{canary}-5", "CODE": "59621000"}
    take(csv_folder(patients=[person], encounters=[visit], conditions=[ill]), "synthea", institution="river")
    make_profiles(store, folder=tmp_path / "profiles", progress=silent, now=NOW)
    rows = everything(store)
    assert len(rows) > 6
    assert canary not in repr(rows)
    stored = [path for name in ("histories", "profiles", "work") for path in (tmp_path / name).rglob("*")]
    assert len(stored) > 10
    for path in stored:
        assert canary not in str(path.relative_to(tmp_path))
        assert path.is_dir() or canary.encode() not in path.read_bytes()


def test_landed_columns_are_those_of_the_tables(ndjson: Writer, take: Take, store: HistoryStore) -> None:
    condition = {
        "resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}, "onsetDateTime": "2026-02",
        "encounter": {"reference": "Encounter/e1"},
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1", "display": "One"}]},
    }  # fmt: skip
    take(ndjson(PATIENT, condition), "fhir")
    (statement,) = read_statements(
        "SELECT kind, system, code, source_column, source_value, quantity, unit, display, on_precision, status,"
        " source_row, DATE_FORMAT(on_date, 'yyyy-MM-dd') AS on_day FROM conditions",
        where="",
    )
    assert list(store.run(statement, parameters={})) == [
        ("condition", "snomed", "1", "Condition.code", "1", None, "", "One", "month", "", 2, "2026-02-01")
    ]
    (people,) = read_statements(
        "SELECT site, sex, birth_year, died_precision, status, source_row FROM patients", where=""
    )
    assert list(store.run(people, parameters={})) == [("", "F", 1950, "", "", 1)]
