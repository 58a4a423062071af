"""The table of codes: what facts speak of."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import date
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hive_queries import Fact
from recommend.codes import current, load_codes, parse_codes, parse_pattern
from strokemap.errors import RulesInvalid

Make = Callable[..., Fact]
HEAD = "system\tcode\tvalue\tneed\tweight\tplain\n"


def needs(found: Fact) -> set[str]:
    return {row.need for row in load_codes().of(found)}


@pytest.mark.parametrize(
    ("code", "value", "need"),
    [
        ("RDEF1", "Y", "Facial weakness"),
        ("RDEF2", "Y", "Hemiparesis"),
        ("RDEF3", "Y", "Hemiparesis"),
        ("RDEF4", "Y", "Aphasia"),
        ("RDEF5", "Y", "Hemianopsia"),
        ("RDEF6", "Y", "Hemispatial neglect"),
        ("RDEF7", "Y", "Ataxia"),
        ("RDEF8", "Y", "Stroke"),
        ("RATRIAL", "Y", "Atrial fibrillation"),
        ("RCONSC", "U", "Unconsciousness"),
        ("RCONSC", "D", "Drowsiness"),
        ("RSBP", "190", "Hypertension"),
        ("STYPE", "LACS", "Lacunar stroke"),
        ("DDIAGHA", "Y", "Intracerebral hemorrhage"),
        ("FDENNIS", "y", "Activities of daily living"),
    ],
)
def test_fact_of_the_stroke_trial_speaks_of_its_need(fact: Make, code: str, value: str, need: str) -> None:
    assert needs(fact(code, value)) == {need}


@pytest.mark.parametrize("value", ["N", "C", "", "U", "n"])
@pytest.mark.parametrize("code", [f"RDEF{number}" for number in range(1, 9)] + ["RATRIAL"])
def test_absent_or_unassessed_deficit_makes_no_need(fact: Make, code: str, value: str) -> None:
    assert needs(fact(code, value)) == set()


def test_alert_patient_has_no_need_from_consciousness(fact: Make) -> None:
    assert needs(fact("RCONSC", "F")) == set()


@pytest.mark.parametrize(
    ("system", "code", "value", "high"),
    [
        ("ist", "RSBP", "159", False),
        ("ist", "RSBP", "160", True),
        ("loinc", "8480-6", "139.9", False),
        ("loinc", "8480-6", "140.0 mm[Hg]", True),
        ("loinc", "8480-6", "not done", False),
        ("loinc", "8462-4", "90", True),
        ("loinc", "18262-6", "99", False),
        ("loinc", "18262-6", "101", True),
        ("loinc", "22748-8", "2.7", True),
        ("loinc", "4548-4", "6.4", False),
        ("loinc", "4548-4", "6.5", True),
        ("loinc", "59261-8", "48", True),
    ],
)
def test_measurement_counts_from_its_limit(coded: Make, system: str, code: str, value: str, high: bool) -> None:
    assert bool(needs(coded(system, code, value))) is high


@pytest.mark.parametrize(
    ("code", "need"),
    [
        ("I63.9", "Ischemic stroke"),
        ("I619", "Intracerebral hemorrhage"),
        ("I69.3", "Stroke recovery"),
        ("I69.320", "Aphasia"),
        ("i69.391", "Dysphagia"),
        ("R47.01", "Aphasia"),
        ("R13.10", "Dysphagia"),
        ("G81.9", "Hemiparesis"),
        ("I10", "Hypertension"),
        ("I48.0", "Atrial fibrillation"),
        ("E11.9", "Type 2 diabetes"),
        ("F32.1", "Depression"),
    ],
)
def test_icd10_code_is_read_by_its_longest_known_beginning(coded: Make, code: str, need: str) -> None:
    assert needs(coded("icd10", code)) == {need}


@pytest.mark.parametrize(
    ("code", "need"),
    [
        ("221360009", "Spasticity"),
        ("84229001", "Post-stroke fatigue"),
        ("77674003", "Hemianopsia"),
        ("165232002", "Urinary incontinence"),
    ],
)
def test_snomed_code_of_an_effect_of_stroke_speaks_of_it(coded: Make, code: str, need: str) -> None:
    assert needs(coded("snomed", code)) == {need}


def test_every_condition_of_the_demonstration_speaks_of_a_need(coded: Make) -> None:
    path = files("api.demonstration").joinpath("patients/river/conditions.csv")
    codes = {row["CODE"] for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())}
    assert codes
    assert [code for code in sorted(codes) if not needs(coded("snomed", code))] == []


def test_medicine_is_known_by_a_word_of_its_name(coded: Make) -> None:
    tablet = coded("rxnorm", "309362", kind="medication", display="Clopidogrel 75 MG Oral Tablet")
    assert needs(tablet) == {"Antiplatelet drug"}
    assert needs(coded("rxnorm", "1", kind="medication", display="Clopidogrelum")) == set()


def test_code_of_another_system_means_nothing(coded: Make) -> None:
    assert needs(coded("local", "I63.9")) == set()


def test_newest_reading_alone_counts(coded: Make) -> None:
    old = coded("loinc", "8480-6", "180", kind="observation", on=date(2024, 1, 1))
    new = coded("loinc", "8480-6", "120", kind="observation", on=date(2026, 1, 1))
    other = coded("loinc", "8462-4", "95", kind="observation", on=date(2020, 1, 1))
    assert set(current([new, old, other])) == {new, other}


def test_codes_that_the_history_store_knows_mean_the_same_here(coded: Make, fact: Make) -> None:
    text = files("hive_queries").joinpath("tables.hql").read_text(encoding="utf-8").partition("latest_concepts AS")[2]
    wanted = {"aphasia": "Aphasia", "atrial fibrillation": "Atrial fibrillation"}
    snomed = text.partition("system = 'snomed'")[2].partition("system = 'rxnorm'")[0]
    found = re.findall(r"IN \(([^)]*)\)\s+THEN '([^']+)'", snomed)
    assert len(found) >= 4
    for codes, concept in found:
        for code in re.findall(r"'(\d+)'", codes):
            rows = load_codes().of(coded("snomed", code))
            if concept.startswith("stroke"):
                assert rows, code
                assert all("Stroke" in row.names for row in rows), code
            elif concept in wanted:
                assert {row.need for row in rows} == {wanted[concept]}, code


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "codes.tsv:1"),
        ("system\tcode\n", "codes.tsv:1"),
        (HEAD + "ist\tRDEF4\tY\n", "codes.tsv:2"),
        ("# a comment\n" + HEAD + "ist\tRDEF4\tY\tAphasia\theavy\twords\n", "codes.tsv:3"),
        (HEAD + "ist\tRDEF4\tY\tAphasia\t1.5\twords\n", "codes.tsv:2"),
        (HEAD + "ist\tRDEF4\tY\tAphasia|\t0.5\twords\n", "codes.tsv:2"),
        (HEAD + "ist\tRDEF4\tY\tAphasia\t0.5\t\n", "codes.tsv:2"),
        (HEAD + "ist\tRSBP\t>=high\tHypertension\t0.5\tpressure\n", "codes.tsv:2"),
        (HEAD + "icd10\t*\tY\tAphasia\t0.5\twords\n", "codes.tsv:2"),
        (HEAD + "stage\tsoon\t*\tStroke\t0.5\ta stroke\n", "codes.tsv:2"),
    ],
)
def test_malformed_table_names_its_line(text: str, where: str) -> None:
    with pytest.raises(RulesInvalid) as caught:
        parse_codes(text, where="codes.tsv")
    assert caught.value.where == where


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_table_or_a_documented_error(text: str) -> None:
    try:
        parse_codes(HEAD + text, where="codes.tsv")
    except RulesInvalid as error:
        wheres = [error.where]
    else:
        wheres = ["codes.tsv:0"]
    assert str(wheres[0]).startswith("codes.tsv:")


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=40))
def test_any_value_can_be_compared_with_a_limit(fact: Make, value: str) -> None:
    assert parse_pattern("ist RSBP >=160", where="x").matches(fact("RSBP", value)) in (True, False)
