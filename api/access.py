"""Who may do what: role × action, and for patients the relation between caller and patient.

One table, read by the routes, the screens and the documentation; routes hold no rule of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from hive_queries.pseudonyms import split_patient
from strokemap.errors import AccessDenied

ROLES = ("patient", "clinician", "curator", "auditor", "institution")

ALLOWED: dict[str, frozenset[str]] = {
    "search": frozenset({"patient", "clinician", "curator"}),
    "recommend": frozenset({"patient", "clinician"}),
    "read article": frozenset({"patient", "clinician", "curator", "auditor"}),
    "correct article": frozenset({"curator"}),
    "read map": frozenset({"clinician", "curator", "auditor"}),
    "decide": frozenset({"curator"}),
    "publish": frozenset({"curator"}),
    "send batch": frozenset({"institution"}),
    "ask": frozenset({"clinician", "curator", "auditor"}),
    "fetch receipt": frozenset({"patient", "clinician", "curator", "auditor", "institution"}),
    "decision support": frozenset({"clinician"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. A patient's ``subject`` is the PATIENT as in ``north-000001``; another's a name at its institution."""

    role: str
    subject: str
    institution: str = ""


LOCAL = Caller(role="operator", subject="local")
"""Whoever runs a command on the machine itself: has the files, and so may do everything."""


def check_action(caller: Caller, action: str) -> None:
    """Raise AccessDenied unless the caller's role may do this."""
    if caller != LOCAL and caller.role not in ALLOWED[action]:
        raise AccessDenied(
            f"The role “{caller.role}” may not do this: {action}.",
            hint=f"It takes one of the roles: {', '.join(sorted(ALLOWED[action]))}.",
        )


def check_patient(caller: Caller, patient: str) -> None:
    """Raise AccessDenied unless the caller stands in a relation to this patient.

    A patient sees only their own; a clinician the patients of the institution that the token names. Errors: also
    PatientInvalid. The message does not tell whether such a patient exists.
    """
    institution, _ = split_patient(patient)
    own = caller.role == "patient" and caller.subject == patient
    in_care = caller.role == "clinician" and caller.institution == institution
    if not (caller == LOCAL or own or in_care):
        raise AccessDenied(
            "This patient is not yours to see.",
            hint="Patients see their own articles, clinicians those of patients of their institution.",
        )


def check_institution(caller: Caller, institution: str) -> None:
    """Raise AccessDenied unless the caller speaks for this institution."""
    if caller != LOCAL and caller.institution != institution:
        raise AccessDenied(
            "An institution sends its own batches only.", hint="Use the token made for that institution."
        )
