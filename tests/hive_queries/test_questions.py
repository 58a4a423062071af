"""Questions: golden results on made-up rows, and parameters that are checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hive_queries import HistoryStore, ask, pseudonym
from hive_queries.acquire import Acquired
from hive_queries.questions import questions
from strokemap.errors import QuestionInvalid

WORDS = {"1364445": "Apixaban 5 MG Oral Tablet"}
SNOMED = "http://snomed.info/sct"
DATES = {"Condition": "onsetDateTime", "Procedure": "performedDateTime", "MedicationRequest": "authoredOn"}


@pytest.fixture
def lake(ndjson: Callable[..., Path], take: Callable[..., Acquired], key: bytes) -> dict[str, str]:
    """Made-up patients of the institution lake; gives their pseudonyms."""
    said = [
        ("treated", "Condition", "87486003", "2025-01-10"),
        ("treated", "Procedure", "311555007", "2025-01-20"),
        ("late", "Condition", "87486003", "2025-01-10"),
        ("late", "Procedure", "311555007", "2025-03-20"),
        ("never", "Condition", "87486003", "2025-02"),
        ("again", "Condition", "87486003", "2025-01-10"),
        ("again", "Condition", "87486003", "2025-06-10"),
        ("again", "Procedure", "311555007", "2025-06-11"),
        ("risk", "Condition", "49436004", "2025-01-10"),
        ("guarded", "Condition", "49436004", "2025-01-10"),
        ("guarded", "MedicationRequest", "1364445", "2025-02-10"),
        ("struck", "Condition", "49436004", "2025-01-10"),
        ("struck", "Condition", "422504002", "2025-01-12"),
    ]
    resources: list[object] = []
    for number, (patient, kind, code, day) in enumerate(said):
        system = "http://www.nlm.nih.gov/research/umls/rxnorm" if kind == "MedicationRequest" else SNOMED
        field = "medicationCodeableConcept" if kind == "MedicationRequest" else "code"
        resources.append(
            {"resourceType": kind, "id": str(number), "subject": {"reference": f"Patient/{patient}"},
             DATES[kind]: day, field: {"coding": [{"system": system, "code": code, "display": WORDS.get(code, "")}]}}
        )  # fmt: skip
    for number, (patient, value, day) in enumerate(
        [
            ("treated", 150, "2025-01-01"),
            ("treated", 130, "2025-02-01"),
            ("late", 150, "2025-01-01"),
            ("risk", 141, "2025"),
        ]
    ):
        resources.append(
            {"resourceType": "Observation", "id": str(number), "subject": {"reference": f"Patient/{patient}"},
             "effectiveDateTime": day, "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
             "valueQuantity": {"value": value, "unit": "mmHg"}}
        )  # fmt: skip
    take(ndjson(*resources), "fhir", institution="lake")
    return {patient: pseudonym(f"lake-{patient}", key=key) for patient, *_ in said}


def test_every_question_has_a_description_and_a_golden_result() -> None:
    assert [question.name for question in questions()] == [
        "aphasia-without-speech-therapy",
        "atrial-fibrillation-without-anticoagulant",
        "blood-pressure-above-target",
    ]
    for question in questions():
        assert question.asks
        assert {item.name for item in question.parameters} == set(question.statement.parameters)
        assert {item.type for item in question.parameters} <= {"string", "integer", "number", "date"}


def test_aphasia_without_speech_therapy(lake: dict[str, str], store: HistoryStore) -> None:
    answer = ask("aphasia-without-speech-therapy", params={"days": "30"}, store=store)
    assert answer.columns == ("institution", "patient", "aphasia_on", "aphasia_precision")
    assert set(answer.rows) == {
        ("lake", lake["late"], "2025-01-10", "day"),
        ("lake", lake["never"], "2025-02-01", "month"),
        ("lake", lake["again"], "2025-01-10", "day"),
    }
    longer = ask("aphasia-without-speech-therapy", params={"days": "100"}, store=store)
    assert {row[1] for row in longer.rows} == {lake["never"], lake["again"]}


def test_atrial_fibrillation_without_anticoagulant(lake: dict[str, str], store: HistoryStore) -> None:
    name = "atrial-fibrillation-without-anticoagulant"
    answer = ask(name, params={"as_of": "2025-12-31"}, store=store)
    assert answer.rows == (("lake", lake["risk"], "2025-01-10", "day"),)
    earlier = ask(name, params={"as_of": "2025-01-11"}, store=store)
    assert {row[1] for row in earlier.rows} == {lake["risk"], lake["guarded"], lake["struck"]}


def test_blood_pressure_above_target(lake: dict[str, str], store: HistoryStore) -> None:
    answer = ask("blood-pressure-above-target", params={}, store=store)
    assert answer.rows == (
        ("lake", lake["late"], 150.0, "2025-01-01", "day"),
        ("lake", lake["risk"], 141.0, "2025-01-01", "year"),
    )
    assert len(ask("blood-pressure-above-target", params={"target": "145.5"}, store=store).rows) == 1
    assert ask("blood-pressure-above-target", params={"institution": "' OR 1=1 --"}, store=store).rows == ()


@pytest.mark.parametrize(
    ("question", "params", "where"),
    [
        ("none", {}, "question"),
        ("../tables", {}, "question"),
        ("aphasia-without-speech-therapy", {"weeks": "3"}, "param.weeks"),
        ("aphasia-without-speech-therapy", {"days": "soon"}, "param.days"),
        ("aphasia-without-speech-therapy", {"days": "1e3"}, "param.days"),
        ("aphasia-without-speech-therapy", {"days": "9" * 30}, "param.days"),
        ("atrial-fibrillation-without-anticoagulant", {}, "param.as_of"),
        ("atrial-fibrillation-without-anticoagulant", {"as_of": "2025-02-30"}, "param.as_of"),
        ("blood-pressure-above-target", {"target": "nan"}, "param.target"),
        ("blood-pressure-above-target", {"institution": "x" * 201}, "param.institution"),
    ],
)
def test_wrong_parameter_is_refused_by_name(
    question: str, params: dict[str, str], where: str, store: HistoryStore
) -> None:
    with pytest.raises(QuestionInvalid) as refusal:
        ask(question, params=params, store=store)
    assert refusal.value.where == where
