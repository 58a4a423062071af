"""The formats: what a row becomes, and what can't be understood."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hive_queries.extracts import open_extract
from hive_queries.formats import find_format, format_names
from hive_queries.rows import BadRow, Event, LeftOut, Reading, Taken, Unreadable, date_of, number_of
from strokemap.errors import BatchMalformed, UsageError

Writer = Callable[..., Path]


def read(path: Path, format: str) -> list[Reading]:
    reader = find_format(format)
    return list(reader.read(open_extract(path, suffix=reader.suffix, folder=reader.folder, file=reader.file)))


def events(readings: list[Reading]) -> dict[str, Event]:
    return {event.code: event for item in readings if isinstance(item, Taken) for event in item.events}


def bad(readings: list[Reading]) -> list[tuple[int, str]]:
    return [(item.line, item.field) for item in readings if isinstance(item, BadRow)]


def test_unknown_format_is_a_usage_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UsageError) as refusal:
        find_format("hl7v2")
    assert all(name in refusal.value.hint for name in format_names())


# --- ist ---


def test_ist_row_number_is_the_id_and_the_month_is_all_that_is_known(ist_file: Writer) -> None:
    first, second = read(ist_file({}, {"RDATE": "lis-95", "RDEF4": "Y"}), "ist")
    assert isinstance(first, Taken)
    assert isinstance(second, Taken)
    assert [first.own_id, second.own_id] == ["000001", "000002"]
    deficit = events([second])["RDEF4"]
    assert (deficit.source_column, deficit.source_value, deficit.kind) == ("RDEF4", "Y", "deficit")
    assert (deficit.on, deficit.precision) == (date(1995, 11, 1), "month")


def test_ist_outcomes_are_dated_when_they_became_known(ist_file: Writer) -> None:
    found = events(read(ist_file({"RDATE": "gru-95"}), "ist"))
    assert found["RDEF1"].on == date(1995, 12, 1)
    assert found["DDIAGISC"].on == date(1995, 12, 15)
    assert found["FDENNIS"].on == found["OCCODE"].on == date(1996, 6, 1)


@pytest.mark.parametrize("month", ["pa?-91", "paź-91", "paz-91", "PA\ufffd-91"])
def test_ist_october_is_read_however_it_was_exported(ist_file: Writer, month: str) -> None:
    assert events(read(ist_file({"RDATE": month}), "ist"))["RDEF1"].on == date(1991, 10, 1)


def test_ist_cells_have_case_and_blank_variants(ist_file: Writer) -> None:
    found = events(read(ist_file({"RDEF4": " y ", "RATRIAL": "", "DDIAGISC": "u"}), "ist"))
    assert found["RDEF4"].source_value == "Y"
    assert found["DDIAGISC"].source_value == "U"
    assert "RATRIAL" not in found


def test_ist_death_is_dated_by_its_day_or_by_the_follow_up(ist_file: Writer) -> None:
    rows = read(
        ist_file({"DDEAD": "Y", "DDEADD": "3", "FDEAD": "Y", "FDEADD": "3"}, {"FDEAD": "Y", "FDEADD": ""}), "ist"
    )
    assert [item.person.died_on for item in rows if isinstance(item, Taken) and item.person] == [
        date(1991, 1, 4),
        date(1991, 7, 1),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [("SEX", "X"), ("AGE", "old"), ("AGE", "1_0"), ("RDEF4", "Q"), ("RSBP", "nan"), ("RDATE", "jan-91"), ("RDATE", "")],
)
def test_ist_row_with_an_impossible_cell_is_bad_and_its_reason_does_not_repeat_it(
    ist_file: Writer, name: str, value: str
) -> None:
    readings = read(ist_file({}, {name: value}, {}), "ist")
    assert bad(readings) == [(3, name)]
    (row,) = (item for item in readings if isinstance(item, BadRow))
    assert value not in row.reason or value == ""
    assert len(readings) == 3


def test_ist_row_with_missing_cells_is_bad(ist_file: Writer) -> None:
    path = ist_file({})
    path.write_text(path.read_text() + "1,F,70\n")
    assert bad(read(path, "ist")) == [(3, "RATRIAL")]


def test_row_with_another_number_of_cells_names_the_column_where_they_part(tmp_path: Path) -> None:
    path = tmp_path / "river"
    path.mkdir()
    (path / "patients.csv").write_text("Id,BIRTHDATE,GENDER\np1,1950\np2,1950,F,x,y\np3\np4,1950,F\n")
    readings = read(path, "synthea")
    assert bad(readings) == [(2, "GENDER"), (3, "GENDER"), (4, "BIRTHDATE")]
    (path / "patients.csv").write_text("Id,BIRTHDATE,GENDER,\x1b[2J\np1,1950,F\n")
    assert bad(read(path, "synthea")) == [(2, "[2J")]
    (path / "patients.csv").write_text("Id,BIRTHDATE,GENDER,\np1,1950,F\n")
    assert bad(read(path, "synthea")) == [(2, "column 4")]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "<html>\n", "\x00\x01\n", '{"resourceType":"Patient"}\n'])
def test_file_that_is_no_ist_table_is_refused_as_a_whole(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(BatchMalformed):
        read(path, "ist")


# --- synthea ---

PERSON = {"Id": "p1", "BIRTHDATE": "1950-02-03", "DEATHDATE": "", "GENDER": "F"}


def test_synthea_columns_are_found_by_name_in_either_vintage(csv_folder: Writer) -> None:
    older = {"ID": "p1", "BIRTHDATE": "1950-02-03", "DEATHDATE": "2020-01-01", "GENDER": "F", "FIRST": "X"}
    condition = {"START": "2019-01-23", "STOP": "", "PATIENT": "p1", "ENCOUNTER": "e", "CODE": "230690007"}
    reading = {
        "DATE": "2019-01-23T10:00:00Z", "PATIENT": "p1", "ENCOUNTER": "e", "CODE": "8480-6", "VALUE": "138.0",
        "UNITS": "mm[Hg]", "TYPE": "numeric",
    }  # fmt: skip
    score = {**reading, "CODE": "QALY"}
    folder = csv_folder(patients=[older], conditions=[condition], observations=[reading, score], allergies=[{"A": "1"}])
    readings = read(folder, "synthea")
    found = events(readings)
    nameless = {"ID": "", "PATIENT": "p1", "CODE": "185349003", "START": "2020-01-01"}
    assert bad(read(csv_folder("three", patients=[older], encounters=[nameless]), "synthea")) == [(2, "ID")]
    assert found["230690007"].source_column == "conditions.CODE"
    assert found["230690007"].source_value == "230690007"
    assert (found["8480-6"].system, found["8480-6"].quantity, found["8480-6"].on) == ("loinc", 138.0, date(2019, 1, 23))
    assert found["QALY"].system == "synthea"
    assert [item.what for item in readings if isinstance(item, LeftOut)] == ["allergies"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("START", "soon"), ("START", "2019-02-30"), ("PATIENT", ""), ("CODE", ""), ("CODE", "9" * 301), ("STOP", "x")],
)
def test_synthea_row_with_an_impossible_cell_is_bad(csv_folder: Writer, name: str, value: str) -> None:
    row = {"START": "2019-01-23", "STOP": "", "PATIENT": "p1", "ENCOUNTER": "", "CODE": "1", name: value}
    assert bad(read(csv_folder(patients=[PERSON], conditions=[row]), "synthea")) == [(2, name)]


def test_synthea_folder_without_patients_or_with_a_foreign_header_is_refused(csv_folder: Writer) -> None:
    with pytest.raises(BatchMalformed):
        read(csv_folder("one", conditions=[{"PATIENT": "p1"}]), "synthea")
    with pytest.raises(BatchMalformed) as refusal:
        read(csv_folder("two", patients=[PERSON], conditions=[{"PATIENT": "p1", "START": ""}]), "synthea")
    assert refusal.value.where == "conditions.csv:1"


# --- fhir ---

CONDITION = {
    "resourceType": "Condition",
    "id": "c1",
    "subject": {"reference": "Patient/p1"},
    "onsetDateTime": "2025-12",
    "code": {
        "coding": [
            {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I63.9", "display": "Cerebral infarction"},
            {"system": "http://snomed.info/sct", "code": "432504007"},
        ]
    },
}


def test_fhir_fact_keeps_field_code_and_partial_date(ndjson: Writer) -> None:
    (condition,) = read(ndjson(CONDITION), "fhir")
    assert isinstance(condition, Taken)
    assert condition.own_id == "p1"
    found = events([condition])
    infarct = found["I63.9"]
    assert (infarct.source_column, infarct.source_value, infarct.system) == ("Condition.code", "I63.9", "icd10")
    assert (infarct.on, infarct.precision) == (date(2025, 12, 1), "month")
    assert found["432504007"].system == "snomed"


def test_fhir_panel_gives_one_fact_a_component(ndjson: Writer) -> None:
    def part(code: str, value: float) -> dict[str, object]:
        coding = {"coding": [{"system": "http://loinc.org", "code": code}]}
        return {"code": coding, "valueQuantity": {"value": value, "unit": "mmHg"}}

    panel = {
        "resourceType": "Observation",
        "id": "o1",
        "subject": {"reference": "https://lake.example/Patient/p1"},
        "effectiveDateTime": "2026-01-05T10:00:00+02:00",
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
        "component": [part("8480-6", 144), part("8462-4", 86)],
    }
    (taken,) = read(ndjson(panel), "fhir")
    assert isinstance(taken, Taken)
    assert taken.own_id == "p1"
    found = events([taken])
    assert {code: event.quantity for code, event in found.items()} == {"8480-6": 144.0, "8462-4": 86.0}


def test_fhir_resource_taken_back_becomes_void(ndjson: Writer) -> None:
    entered = {**CONDITION, "verificationStatus": {"coding": [{"code": "entered-in-error"}]}}
    bare = {key: value for key, value in entered.items() if key != "code"}
    assert [event.status for event in events(read(ndjson(entered), "fhir")).values()] == ["void", "void"]
    assert [event.status for event in events(read(ndjson(bare), "fhir")).values()] == ["void"]


def test_fhir_unknown_kinds_are_left_out_and_broken_lines_are_bad(ndjson: Writer) -> None:
    path = ndjson(
        {"resourceType": "Organization", "id": "x"}, "", "{broken", "[]", {**CONDITION, "subject": {}},
        {**CONDITION, "code": {}}, {**CONDITION, "onsetDateTime": "yesterday"}, {**CONDITION, "id": 7},
    )  # fmt: skip
    readings = read(path, "fhir")
    assert [item.what for item in readings if isinstance(item, LeftOut)] == ["Organization"]
    assert [line for line, _ in bad(readings)] == [3, 4, 5, 6, 7, 8]
    assert all(field for _, field in bad(readings))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "id",
    "subject",
    "code",
    "onsetDateTime",
    "type",
    "valueQuantity",
    "component",
    "gender",
    "birthDate",
    "status",
)
SETTINGS = settings(
    derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SETTINGS
@given(
    kind=st.sampled_from(["Patient", "Condition", "Observation", "Encounter", "MedicationRequest", "Procedure"]),
    fields=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5),
)
def test_any_resource_is_taken_bad_or_left_out(ndjson: Writer, kind: str, fields: dict[str, object]) -> None:
    readings = read(ndjson(json.dumps({**CONDITION, **fields, "resourceType": kind})), "fhir")
    assert len(readings) == 1


@SETTINGS
@given(
    name=st.sampled_from(["HOSPNUM", "AGE", "RDATE", "RSBP", "RDEF4", "DDEADD", "OCCODE"]),
    value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=12),
)
def test_any_ist_cell_is_taken_or_bad(ist_file: Writer, name: str, value: str) -> None:
    assert len(read(ist_file({name: value}), "ist")) == 1


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=24))
def test_any_text_is_a_date_or_number_or_unreadable(text: str) -> None:
    parsers: tuple[Callable[[], object], ...] = (
        lambda: date_of(text, name="x"),
        lambda: number_of(text, name="x", least=-1e9, most=1e9),
    )
    for parse in parsers:
        with contextlib.suppress(Unreadable):
            parse()
