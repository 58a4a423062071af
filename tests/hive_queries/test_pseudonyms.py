"""Patients by pseudonym."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hive_queries.pseudonyms import Pseudonyms, check_institution, pseudonym, split_patient
from strokemap.errors import InstitutionInvalid, PatientInvalid


def test_own_id_is_everything_after_the_first_hyphen() -> None:
    assert split_patient("river-a-b-c") == ("river", "a-b-c")


@pytest.mark.parametrize("patient", ["", "ist", "ist-", "-1", "IST-1", "9x-1", "a b-1", "ist-a\nb", "x" * 33 + "-1"])
def test_malformed_patient_is_refused_without_being_repeated(patient: str) -> None:
    with pytest.raises(PatientInvalid) as refusal:
        split_patient(patient)
    assert refusal.value.where == "patient"
    assert not patient.strip() or patient not in refusal.value.message


@pytest.mark.parametrize("name", ["", "North", "north-1", "../x", "a" * 33, "a/b", "ä"])
def test_malformed_institution_is_refused(name: str) -> None:
    with pytest.raises(InstitutionInvalid):
        check_institution(name)


def test_pseudonym_is_the_same_at_acquisition_and_at_look_up(key: bytes) -> None:
    assert pseudonym("ist-000123", key=key) == Pseudonyms("ist", key=key).patient("000123")


def test_same_id_has_another_pseudonym_at_another_institution_key_or_purpose(key: bytes) -> None:
    names = Pseudonyms("a", key=key)
    made = [
        names.patient("1"),
        Pseudonyms("b", key=key).patient("1"),
        Pseudonyms("a", key=b"x" * 32).patient("1"),
        names.encounter("1"),
        names.row(("1",)),
    ]
    assert len(set(made)) == len(made)
    assert [len(name) for name in made] == [34, 34, 34, 32, 32]
    assert all(int(name, 16) >= 0 for name in made)


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_split_or_refused(text: str) -> None:
    try:
        institution, own_id = split_patient(text)
    except PatientInvalid:
        return
    assert f"{institution}-{own_id}" == text


@settings(derandomize=True, deadline=None)
@given(st.text(st.characters(), min_size=1, max_size=40))
def test_who_has_the_key_gets_the_id_back(own_id: str) -> None:
    key = b"k" * 32
    made = Pseudonyms("ist", key=key).patient(own_id)
    assert own_id.encode("utf-8", "surrogatepass").hex() not in made
    assert Pseudonyms("ist", key=key).own_id(made) == own_id
    assert Pseudonyms("ist", key=b"x" * 32).own_id(made) is None
    assert Pseudonyms("river", key=key).own_id(made) is None


@pytest.mark.parametrize("stored", ["", "p1", "0" * 32, "0" * 34, "ä" * 34])
def test_what_was_made_otherwise_leads_to_nobody(stored: str, key: bytes) -> None:
    assert Pseudonyms("ist", key=key).own_id(stored) is None


def test_half_a_character_has_a_pseudonym_and_comes_back(key: bytes) -> None:
    made = pseudonym("ist-\udcff", key=key)
    assert Pseudonyms("ist", key=key).own_id(made) == "\udcff"
