"""FHIR R4 bulk export: NDJSON, one resource a line. Six kinds of resource are read; the rest is counted and left out.

Names, addresses, narrative and free-text values are never read into a row. A resource that the institution took back
(entered in error, refuted, not done) becomes a void row, so that it replaces what an earlier batch said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from hive_queries.extracts import Extract
from hive_queries.rows import (
    LARGEST,
    BadRow,
    Event,
    LeftOut,
    Person,
    Reading,
    Taken,
    Unreadable,
    date_of,
    display_of,
    id_of,
    number_of,
    stamp_of,
    text_of,
)

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
_Value: TypeAlias = tuple[str | None, float | None, str]
"""A value as it came, as a number, and the number's unit. Without one, the code itself is what was said."""
_NO_VALUE: _Value = (None, None, "")

_SYSTEMS = {
    "http://snomed.info/sct": "snomed",
    "http://hl7.org/fhir/sid/icd-10": "icd10",
    "http://hl7.org/fhir/sid/icd-10-cm": "icd10",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "rxnorm",
    "http://loinc.org": "loinc",
}
_SEXES = {"female": "F", "male": "M", "other": "", "unknown": "", "": ""}
_VOID = {"entered-in-error", "refuted", "not-done", "cancelled"}


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where a kind of resource keeps its code and its date. The first date that is there counts."""

    table: str
    kind: str
    code: str
    dates: tuple[str, ...]


_KINDS = {
    "Condition": _Kind("conditions", "condition", "code", ("onsetDateTime", "onsetPeriod.start", "recordedDate")),
    "Observation": _Kind(
        "observations",
        "observation",
        "code",
        ("effectiveDateTime", "effectivePeriod.start", "effectiveInstant", "issued"),
    ),
    "MedicationRequest": _Kind("medications", "medication", "medicationCodeableConcept", ("authoredOn",)),
    "Encounter": _Kind("encounters", "encounter", "type", ("period.start",)),
    "Procedure": _Kind("procedures", "procedure", "code", ("performedDateTime", "performedPeriod.start")),
}


def read(extract: Extract) -> Iterator[Reading]:
    """Read all files in order of name. A line that is no resource is a bad row."""
    for file in extract.files:
        for line, text in enumerate(file.lines(), start=1):
            if not text.strip():
                continue
            try:
                yield _resource(text)
            except Unreadable as error:
                yield BadRow(
                    file=file.name, line=line, number=line, field=error.field, reason=error.reason, row=text.strip()
                )


def again(bad: BadRow) -> Reading:
    """Read a mended line."""
    try:
        return _resource(bad.row if isinstance(bad.row, str) else json.dumps(bad.row))
    except Unreadable as error:
        return replace(bad, field=error.field, reason=error.reason)


def _resource(text: str) -> Reading:
    try:
        resource = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("resource", "not JSON") from None
    kind = _text(resource, "resourceType")
    if not kind:
        raise Unreadable("resourceType", "not a FHIR resource")
    if kind == "Patient":
        return _patient(resource)
    if kind not in _KINDS:
        return LeftOut(what=display_of(kind))
    return _events(resource, name=kind, kind=_KINDS[kind])


def _patient(resource: Json) -> Taken:
    own_id = id_of(_text(resource, "id"), name="Patient.id")
    sex = _text(resource, "gender")
    if sex not in _SEXES:
        raise Unreadable("Patient.gender", f"not one of {', '.join(filter(None, _SEXES))}")
    born, _ = date_of(_text(resource, "birthDate"), name="Patient.birthDate")
    died_on, precision = date_of(_text(resource, "deceasedDateTime"), name="Patient.deceasedDateTime")
    dead = died_on is not None or _get(resource, "deceasedBoolean") is True
    person = Person(
        sex=_SEXES[sex],
        birth_year=born.year if born else None,
        died_on=died_on,
        died_precision=precision if dead else "",
    )
    return Taken(
        own_id=own_id,
        natural_key=("Patient", own_id),
        person=person,
        events=tuple(_languages(resource)),
        changed_us=_changed(resource),
    )


def _languages(patient: Json) -> Iterator[Event]:
    name = "Patient.communication"
    for spoken in _list(patient, "communication"):
        tag = text_of(_text(spoken, "language.coding.code"), name=name)
        if tag:
            yield Event(
                table="observations",
                kind="observation",
                system="bcp47",
                code=tag,
                source_column=name,
                source_value=tag,
                display=display_of(_text(spoken, "language.text")),
                on=None,
                precision="unknown",
            )


def _events(resource: Json, *, name: str, kind: _Kind) -> Taken:
    resource_id = id_of(_text(resource, "id"), name=f"{name}.id")
    own_id = id_of(_reference(_text(resource, "subject.reference")), name=f"{name}.subject")
    dated = next((path for path in kind.dates if _text(resource, path)), kind.dates[0])
    on, precision = date_of(_text(resource, dated), name=f"{name}.{dated}")
    encounter = resource_id if kind.kind == "encounter" else _reference(_text(resource, "encounter.reference"))
    until, _ = date_of(_text(resource, "period.end") if kind.kind == "encounter" else "", name=f"{name}.period.end")
    void = {_text(resource, "status"), _text(resource, "verificationStatus.coding.code")} & _VOID

    def events(said: Iterable[tuple[Json, str, _Value]]) -> tuple[Event, ...]:
        return tuple(
            Event(
                table=kind.table,
                kind=kind.kind,
                system=system,
                code=code,
                source_column=column,
                source_value=code if value is None else value,
                display=display,
                on=on,
                precision=precision,
                until=until,
                encounter=encounter,
                quantity=quantity,
                unit=unit,
                status="void" if void else "",
            )
            for concept, column, (value, quantity, unit) in said
            for system, code, display in _codings(concept, name=column)
        )

    found = events(_said(resource, name=name, kind=kind))
    if not found and void:
        found = events([({"text": "void"}, name, ("", None, ""))])
    if not found:
        raise Unreadable(f"{name}.{kind.code}", "no code and no text")
    return Taken(own_id=own_id, natural_key=(name, resource_id), events=found, changed_us=_changed(resource))


def _changed(resource: Json) -> int | None:
    return stamp_of(_text(resource, "meta.lastUpdated"), name="meta.lastUpdated")


def _said(resource: Json, *, name: str, kind: _Kind) -> Iterator[tuple[Json, str, _Value]]:
    """Give each concept that a resource states, the field that says it, and its value."""
    if kind.kind != "observation":
        yield *_concept(resource, name=name, kind=kind), _NO_VALUE
        return
    parts = [(resource, name), *((part, f"{name}.component") for part in _list(resource, "component"))]
    for part, path in parts:
        value = _value(part, name=path)
        if value != _NO_VALUE:
            yield _get(part, "code"), f"{path}.value", value
        elif len(parts) == 1:
            yield _get(part, "code"), f"{path}.code", value


def _concept(resource: Json, *, name: str, kind: _Kind) -> tuple[Json, str]:
    """Give what is meant and where it stands: an Encounter may have its class only, a request a reference."""
    found = _get(resource, kind.code)
    if found is None and name == "Encounter":
        return {"coding": [_get(resource, "class")]}, f"{name}.class"
    if found is None and name == "MedicationRequest":
        return {"text": _get(resource, "medicationReference.display")}, f"{name}.medication"
    return found, f"{name}.{kind.code.removesuffix('CodeableConcept')}"


def _value(part: Json, *, name: str) -> _Value:
    number = _get(part, "valueQuantity.value")
    if number is None:
        number = _get(part, "valueInteger")
    if isinstance(number, int | float) and not isinstance(number, bool):
        text = str(number)
        unit = _text(part, "valueQuantity.unit") or _text(part, "valueQuantity.code")
        return text, number_of(text, name=f"{name}.value", least=-LARGEST, most=LARGEST), display_of(unit)
    if number is not None:
        raise Unreadable(f"{name}.valueQuantity", "not a number")
    flag = _get(part, "valueBoolean")
    if isinstance(flag, bool):
        return str(flag).lower(), None, ""
    code = text_of(_text(part, "valueCodeableConcept.coding.code"), name=f"{name}.value")
    return code or None, None, ""


def _codings(concept: Json, *, name: str) -> Iterator[tuple[str, str, str]]:
    """Give system, code and words of each coding; the words alone where there is no code."""
    for one in concept if isinstance(concept, list) else [concept]:
        words = _text(one, "text")
        codings = [coding for coding in _list(one, "coding") if _text(coding, "code")]
        for coding in codings:
            system = _text(coding, "system")
            yield (
                _SYSTEMS.get(system, text_of(system, name=name)),
                text_of(_text(coding, "code"), name=name),
                display_of(_text(coding, "display") or words),
            )
        if not codings and words:
            yield "", "", display_of(words)


def _reference(reference: str) -> str:
    """Give the id from ``Patient/123``, an address that ends so, or ``urn:uuid:…``."""
    return reference.removeprefix("urn:uuid:").rsplit("/", 1)[-1]


def _get(value: Json, path: str) -> Json:
    """Follow names; of a list, the first item is meant. None where something is absent."""
    for name in path.split("."):
        if isinstance(value, list):
            value = value[0] if value else None
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: Json, path: str) -> str:
    found = _get(value, path)
    if found is not None and not isinstance(found, str):
        raise Unreadable(path, "not a text")
    return found or ""


def _list(value: Json, path: str) -> list[Json]:
    found = _get(value, path)
    return found if isinstance(found, list) else []
