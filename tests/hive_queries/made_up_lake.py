"""Made-up patients of an institution “lake”, of whom every question has something to tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hive_queries import pseudonym

SNOMED = "http://snomed.info/sct"
SYSTEMS = {"Observation": "http://loinc.org", "MedicationRequest": "http://www.nlm.nih.gov/research/umls/rxnorm"}
DATES = {
    "Condition": "onsetDateTime", "Procedure": "performedDateTime", "MedicationRequest": "authoredOn",
    "Observation": "effectiveDateTime",
}  # fmt: skip
WORDS = {"1364445": "Apixaban 5 MG Oral Tablet"}
APHASIA, FIBRILLATION, STROKE = "87486003", "49436004", "422504002"
SPEECH, PHYSIO, STAY, VISIT = "311555007", "91251008", "32485007", "390906007"
SYSTOLIC, NIHSS, MRS = "8480-6", "72089-6", "75859-9"
# Patient, kind of resource, code, when, and the value or, of an encounter, the last day.
SAID = (
    ("treated", "Condition", APHASIA, "2025-01-10", None),
    ("treated", "Procedure", SPEECH, "2025-01-20", None),
    ("late", "Condition", APHASIA, "2025-01-10", None),
    ("late", "Procedure", SPEECH, "2025-03-20", None),
    ("never", "Condition", APHASIA, "2025-02", None),
    ("again", "Condition", APHASIA, "2025-01-10", None),
    ("again", "Condition", APHASIA, "2025-06-10", None),
    ("again", "Procedure", SPEECH, "2025-06-11", None),
    ("risk", "Condition", FIBRILLATION, "2025-01-10", None),
    ("guarded", "Condition", FIBRILLATION, "2025-01-10", None),
    ("guarded", "MedicationRequest", "1364445", "2025-02-10", None),
    ("struck", "Condition", FIBRILLATION, "2025-01-10", None),
    # In hospital for a stroke, seen again, in hospital again.
    ("struck", "Condition", STROKE, "2025-01-12", None),
    ("struck", "Encounter", STAY, "2025-01-12", "2025-01-20"),
    ("struck", "Encounter", VISIT, "2025-03-01", "2025-03-01"),
    ("struck", "Encounter", STAY, "2025-04-01", "2025-04-03"),
    ("struck", "Procedure", SPEECH, "2025-01-15", None),
    ("struck", "Procedure", PHYSIO, "2025-02-15", None),
    ("struck", "Procedure", PHYSIO, "2025-05-15", None),
    ("struck", "Observation", SYSTOLIC, "2025-01-13", 190),
    ("struck", "Observation", SYSTOLIC, "2025-03-01", 150.5),
    ("struck", "Observation", NIHSS, "2025-01-12", 12),
    ("struck", "Observation", NIHSS, "2025-01-19", 5),
    ("struck", "Observation", MRS, "2025-04", 2),
    # Nobody saw this one again, and the pressure is on target.
    ("lost", "Condition", STROKE, "2025-01-12", None),
    ("lost", "Encounter", STAY, "2025-01-12", "2025-01-18"),
    ("lost", "Observation", SYSTOLIC, "2025-02-01", 139),
)
ASKED = {
    "aphasia-without-speech-therapy": {"days": "30"},
    "articles-sent-and-read": {},
    "atrial-fibrillation-without-anticoagulant": {"as_of": "2025-12-31"},
    "blood-pressure-above-target": {},
    "missing-follow-up": {"as_of": "2025-12-31"},
    "readmission": {},
    "rehabilitation-attendance": {},
    "risk-factors": {},
    "stroke-scale-course": {},
}


def resource(number: int, patient: str, kind: str, code: str, day: str, more: object) -> dict[str, object]:
    """Give one of SAID as a FHIR resource."""
    coded = {"coding": [{"system": SYSTEMS.get(kind, SNOMED), "code": code, "display": WORDS.get(code, "")}]}
    common = {"resourceType": kind, "id": str(number), "subject": {"reference": f"Patient/{patient}"}}
    if kind == "Encounter":
        return {**common, "type": [coded], "period": {"start": day, "end": more}}
    field = "medicationCodeableConcept" if kind == "MedicationRequest" else "code"
    value = {"valueQuantity": {"value": more}} if kind == "Observation" else {}
    return {**common, DATES[kind]: day, field: coded, **value}


def resources() -> Iterator[dict[str, object]]:
    """Give all of SAID as FHIR resources."""
    return (resource(number, *said) for number, said in enumerate(SAID))


def pseudonyms(key: bytes) -> dict[str, str]:
    """Give each patient's pseudonym."""
    return {said[0]: pseudonym(f"lake-{said[0]}", key=key) for said in SAID}


def write_events(folder: Path) -> Path:
    """Write what these patients were sent and read, as our own events come back."""
    path = folder / "events.csv"
    path.write_text(
        "id,patient,at,event,code,value\n"
        "1,lake-struck,2025-02-01,sent,lib:one,\n"
        "2,lake-struck,2025-02-03,read,lib:one,\n"
        "3,lake-struck,2025-02-03,rated,lib:one,helpful\n"
        "4,lake-lost,2025-02-01,sent,lib:one,\n"
        "5,lake-lost,2025-02-09,note,lib:one,\n"
        "6,lake-lost,2025-03-09,reading,8480-6,171.5\n"
        "7,lake-struck,2025-05-01,reading,75859-9,1\n"
    )
    return path
