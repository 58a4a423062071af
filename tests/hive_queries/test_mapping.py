"""Mappings: an institution joins with a TOML file and no code; what it wrote wrongly is named by its place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from hive_queries import HistoryStore, make_profiles, pseudonym
from hive_queries.acquire import Acquired
from hive_queries.extracts import open_extract
from hive_queries.formats import find_format, format_names
from hive_queries.profiles import Profiles
from hive_queries.rows import BadRow, Reading, Taken
from strokemap.errors import BatchMalformed, InputMissing, InstitutionInvalid, MappingInvalid
from strokemap.progress import silent

Take = Callable[..., Acquired]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLINIC = """
delimiter = ";"
decimal = ","

[dates.seen]
column = "Datum"
format = "%d.%m.%Y"
needed = true

[dates.month]
column = "Monat?"
format = "%m/%Y"

[dates.followed]
after = "seen"
days = 90

[[file]]
patient = "Patient"
key = ["Patient", "Datum"]
changed = "Stand?"
void = { Storno = ["x", "X"] }

[file.person]
sex = "Geschlecht"
sexes = { w = "F", m = "M" }
age = "Alter"
age_on = "seen"

[[file.event]]
kind = "deficit"
system = "clinic"
on = "seen"
values = { ja = "Y", nein = "" }
codes = { Aphasie = "snomed 87486003" }
[file.event.columns]
Aphasie = "Aphasia"
"Neglect?" = "Neglect"

[[file.event]]
kind = "observation"
on = "month"
number = [0, 400]
unit = "=mm[Hg]"
codes = { RR = "loinc 8480-6" }
columns = { RR = "Systolic pressure" }

[[file.event]]
kind = "condition"
on = "followed"
system = { icd10 = "[A-Z]\\\\d\\\\d.*", clinic = ".*" }
code = "Code"
display = "Text"
unless = { Code = "" }
"""
HEADER = "Patient;Datum;Monat;Storno;Geschlecht;Alter;Aphasie;RR;Code;Text;Stand\n"
ROW = "7;29.02.2024;02/2024;;W;70;ja;151,5;I63.9;Hirninfarkt;2024-03-01T10:00:00+01:00\n"


@pytest.fixture
def clinic(tmp_path: Path) -> Callable[..., tuple[str, Path]]:
    """Writes a mapping and an extract; gives the format's name and the extract's path."""

    def write(*rows: str, mapping: str = CLINIC, header: str = HEADER) -> tuple[str, Path]:
        (tmp_path / "clinic.toml").write_text(mapping)
        (tmp_path / "clinic.csv").write_text(header + "".join(rows))
        return f"mapping:{tmp_path / 'clinic.toml'}", tmp_path / "clinic.csv"

    return write


def read(name: str, path: Path) -> list[Reading]:
    reader = find_format(name)
    return list(reader.read(open_extract(path, suffix=reader.suffix, folder=reader.folder, file=reader.file)))


def test_columns_codes_values_dates_and_units_are_read_as_the_mapping_says(clinic: Callable) -> None:
    (taken,) = read(*clinic(ROW))
    assert isinstance(taken, Taken)
    assert (taken.own_id, taken.natural_key) == ("7", ("", "7", "29.02.2024"))
    assert taken.changed_us == int(datetime(2024, 3, 1, 9, tzinfo=UTC).timestamp()) * 1_000_000
    assert taken.person
    assert (taken.person.sex, taken.person.birth_year) == ("F", 1954)
    aphasia, pressure, infarct = taken.events
    assert (aphasia.system, aphasia.code, aphasia.source_column, aphasia.source_value) == (
        "snomed", "87486003", "Aphasie", "Y",
    )  # fmt: skip
    assert (aphasia.on, aphasia.precision) == (date(2024, 2, 29), "day")
    assert (pressure.system, pressure.code, pressure.quantity, pressure.unit) == ("loinc", "8480-6", 151.5, "mm[Hg]")
    assert (pressure.on, pressure.precision) == (date(2024, 2, 1), "month")
    assert (infarct.system, infarct.code, infarct.display, infarct.on) == (
        "icd10", "I63.9", "Hirninfarkt", date(2024, 5, 29),
    )  # fmt: skip


def test_row_that_is_taken_back_or_states_nothing_any_more_replaces_what_it_stated(clinic: Callable) -> None:
    cancelled, emptied = read(
        *clinic(ROW.replace(";;W", ";x;W"), ROW.replace("ja;151,5;I63.9;Hirninfarkt", "nein;;;").replace("7;", "8;", 1))
    )
    assert isinstance(cancelled, Taken)
    assert isinstance(emptied, Taken)
    assert {event.status for event in cancelled.events} == {"void"}
    assert cancelled.person
    assert cancelled.person.status == "void"
    assert [(event.status, event.code) for event in emptied.events] == [("void", "")]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("29.02.2024", "30.02.2024", "DATUM"),
        ("29.02.2024", "2024-02-29", "DATUM"),
        ("29.02.2024", "", "DATUM"),
        ("02/2024", "13/2024", "MONAT"),
        ("W", "?", "GESCHLECHT"),
        ("ja", "vielleicht", "APHASIE"),
        ("151,5", "151.5.1", "RR"),
        ("151,5", "999", "RR"),
        ("70", "siebzig", "ALTER"),
        ("29.02.2024", "29.12.9999", "row"),
        ("2024-03-01T10:00:00+01:00", "gestern", "STAND"),
        ("7;", ";", "PATIENT"),
    ],
)
def test_row_with_an_impossible_cell_is_bad(clinic: Callable, old: str, new: str, field: str) -> None:
    (bad,) = read(*clinic(ROW.replace(old, new, 1)))
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.field) == (2, field)
    assert new not in bad.reason or not new


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("[[file]]", "[[file", ""),
        ('kind = "deficit"', 'kind = "feeling"', "file.0.event.0.kind"),
        ('unit = "=mm[Hg]"', 'units = "x"', "file.0.event.1.units"),
        ('patient = "Patient"', "patient = 7", "file.0.patient"),
        ('delimiter = ";"', 'delimiter = ";;"', "delimiter"),
        ('code = "Code"', "", "file.event.2"),
        ('format = "%d.%m.%Y"', 'format = "%d.%m"', "dates"),
        ('format = "%d.%m.%Y"', 'format = "%q%Y"', "dates"),
        ("[A-Z]", "[A-Z", "system"),
        ('after = "seen"', 'after = "followed"', "dates.followed"),
        ("[[file]]", '[[file]]\nname = "a.csv"\npatient = "a"\n[[file]]', "file"),
    ],
)
def test_mapping_that_says_what_it_cannot_is_refused_with_the_place(
    clinic: Callable, old: str, new: str, where: str
) -> None:
    assert old in CLINIC
    with pytest.raises(MappingInvalid) as refusal:
        read(*clinic(ROW, mapping=CLINIC.replace(old, new, 1)))
    assert where in str(refusal.value.where)


def test_missing_column_and_missing_mapping_are_refused(clinic: Callable, tmp_path: Path) -> None:
    with pytest.raises(BatchMalformed) as refusal:
        read(*clinic(ROW, header=HEADER.replace("Alter", "Jahre")))
    assert "Alter" in refusal.value.message
    with pytest.raises(InputMissing):
        find_format(f"mapping:{tmp_path / 'nowhere.toml'}")


def test_changed_mapping_makes_another_batch_of_the_same_extract(clinic: Callable, take: Take) -> None:
    name, path = clinic(ROW)
    assert [take(path, name).already, take(path, name).already] == [False, True]
    clinic(ROW, mapping=CLINIC + "\n# changed\n")
    assert not take(path, name).already


def test_shipped_mappings_are_the_formats() -> None:
    assert set(format_names()) == {"fhir", "ist", "synthea", "events", "opt_out"}
    for name in format_names():
        find_format(name)


EVENTS = """id,patient,at,event,code,value,unit,state
1,north-000001,2026-01-02T10:00:00Z,reading,8480-6,171,mm[Hg],
2,north-000001,2026-01-03T10:00:00Z,sent,lib:a,,,
3,north-000001,2026-01-04T10:00:00Z,read,lib:a,,,
4,north-000001,2026-01-05T10:00:00Z,rated,lib:a,helpful,,
5,north-000001,2026-01-05T10:00:00Z,danced,lib:a,,,
6,nobody,2026-01-05T10:00:00Z,read,lib:a,,,
7,south-9,2026-01-02T10:00:00Z,reading,8480-6,200,mm[Hg],
"""


def test_own_events_join_the_history_of_the_patient_whose_institution_sent_one(
    ist_file: Callable, take: Take, store: HistoryStore, tmp_path: Path, key: bytes
) -> None:
    take(ist_file({}), "ist")
    (tmp_path / "events.csv").write_text(EVENTS)
    acquired = take(tmp_path / "events.csv", "events", institution="strokemap")
    assert (acquired.rows, acquired.quarantined) == (5, 2)
    made = make_profiles(store, folder=tmp_path / "profiles", progress=silent, now=NOW)
    profiles = Profiles.open(tmp_path / "profiles", made.version)
    assert [profile.institution for profile in profiles] == ["north"], "of south, only we know anything"
    facts = profiles.get(pseudonym("north-000001", key=key)).facts
    profiles.close()
    own = [fact for fact in facts if fact.institution == "strokemap"]
    assert [(fact.system, fact.code, fact.value) for fact in own] == [("loinc", "8480-6", "171")]
    assert {fact.institution for fact in facts} == {"north", "strokemap"}


@pytest.mark.parametrize(
    ("format", "institution"), [("events", "north"), ("ist", "strokemap"), ("opt_out", "north"), ("ist", "opt_out")]
)
def test_nobody_sends_in_another_ones_name(ist_file: Callable, take: Take, format: str, institution: str) -> None:
    with pytest.raises(InstitutionInvalid):
        take(ist_file({}), format, institution=institution)


def test_the_mapping_of_the_documentation_can_be_used(clinic: Callable) -> None:
    page = (Path(__file__).parents[2] / "docs/mapping.md").read_text(encoding="utf-8")
    (taken,) = read(*clinic(ROW, mapping=page.split("```")[1].removeprefix("toml")))
    assert isinstance(taken, Taken)
    assert [event.code for event in taken.events] == ["87486003", "8480-6", "I63.9"]
