"""Patients by a keyed pseudonym: stores hold it, commands and routes take the institution's own id and map it."""

from __future__ import annotations

import hmac
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from strokemap.errors import InstitutionInvalid, PatientInvalid

OURS, OPT_OUT = "strokemap", "opt_out"
"""The institutions that are our own: the events of Strokemap itself, and the patients who opted out of it."""
_INSTITUTION = re.compile(r"[a-z][a-z0-9_]{0,31}")
_OWN_ID = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_DIGITS = 32


def check_institution(name: str) -> None:
    """Raise InstitutionInvalid unless ``name`` is small letters, digits and underscore, starting with a letter."""
    if not _INSTITUTION.fullmatch(name):
        raise InstitutionInvalid(
            "An institution is named by up to 32 small letters, digits and underscores, starting with a letter.",
            hint="Give a name such as north_hospital.",
            where="institution",
        )


def split_patient(patient: str) -> tuple[str, str]:
    """Part ``<institution>-<own id>`` at the first hyphen. Errors: PatientInvalid, which never repeats the id."""
    institution, hyphen, own_id = patient.partition("-")
    if not hyphen or not _INSTITUTION.fullmatch(institution) or not _OWN_ID.fullmatch(own_id):
        raise PatientInvalid(
            "A patient is written as the institution's name, a hyphen, and the institution's own id.",
            hint="Write it as in ist-000123.",
            where="patient",
        )
    return institution, own_id


def pseudonym(patient: str, *, key: bytes) -> str:
    """Give the pseudonym under which the stores hold a patient written as ``<institution>-<own id>``."""
    institution, own_id = split_patient(patient)
    return Pseudonyms(institution, key=key).patient(own_id)


class Pseudonyms:
    """The pseudonyms of one institution, under keys of its own derived from the home's pseudonym key.

    The same id at two institutions has two pseudonyms, so that nobody can join them by it. A patient's is the id
    itself, encrypted so that equal ids have equal pseudonyms (AES-SIV, RFC 5297): who has the key can tell whom an
    answer is about. All others are digests, which nothing leads back from.
    """

    def __init__(self, institution: str, *, key: bytes) -> None:
        self._key = hmac.digest(key, f"strokemap-pseudonym-1\0{institution}".encode(), "sha256")
        self._cipher = AESSIV(hmac.digest(key, f"strokemap-patient-1\0{institution}".encode(), "sha512"))

    def patient(self, own_id: str) -> str:
        """Give the pseudonym of a patient: 32 hexadecimal digits, and two more for each byte of the id."""
        return self._cipher.encrypt(_bytes(own_id), None).hex()

    def own_id(self, pseudonym: str) -> str | None:
        """Give the id that a patient's pseudonym was made of, None where it was not made with this key."""
        try:
            return self._cipher.decrypt(bytes.fromhex(pseudonym), None).decode("utf-8", "surrogatepass")
        except (InvalidTag, ValueError):
            return None

    def encounter(self, own_id: str) -> str:
        """Give the pseudonym of an encounter; the empty string stays empty."""
        return self._digest("encounter", own_id) if own_id else ""

    def row(self, natural_key: tuple[str, ...]) -> str:
        """Give the digest of a source row's natural key, which may hold plain ids."""
        return self._digest("row", "\0".join(natural_key))

    def _digest(self, purpose: str, text: str) -> str:
        # What each digest is for is part of it, so that an encounter can't have the pseudonym of a patient.
        return hmac.digest(self._key, _bytes(f"{purpose}\0{text}"), "sha256").hex()[:_DIGITS]


def _bytes(text: str) -> bytes:
    # Half a character, as JSON and command lines can hold, is no reason to fall over: nobody has that name.
    return text.encode("utf-8", "surrogatepass")
