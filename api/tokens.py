"""Bearer tokens: signed, short-lived statements of role, subject and institution (RFC 7519, HS256)."""

from __future__ import annotations

from datetime import datetime, timedelta

import jwt

from api.access import ROLES, Caller
from hive_queries.pseudonyms import split_patient
from strokemap.errors import TokenInvalid, UsageError

LIFETIME = timedelta(hours=12)
_AUDIENCE = "strokemap"


def make_token(caller: Caller, *, key: bytes, origin: str, now: datetime) -> str:
    """Sign a token for twelve hours. Errors: UsageError for an unknown role or what it lacks, PatientInvalid."""
    if caller.role not in ROLES:
        raise UsageError(f"There is no role “{caller.role}”.", hint=f"Roles: {', '.join(ROLES)}.", where="--role")
    if caller.role == "institution" and not caller.institution:
        raise UsageError(
            "A token for the role “institution” names the institution.",
            hint="Add --institution NAME.",
            where="--institution",
        )
    if caller.role == "patient":
        split_patient(caller.subject)
    elif not caller.subject:
        raise UsageError("A token speaks for somebody.", hint="Give a name: --subject NAME.", where="--subject")
    claims = {
        "iss": origin,
        "aud": _AUDIENCE,
        "sub": caller.subject,
        "role": caller.role,
        "institution": caller.institution,
        "iat": now,
        "exp": now + LIFETIME,
    }
    return jwt.encode(claims, key, algorithm="HS256")


def read_token(text: str, *, key: bytes, origin: str) -> Caller:
    """Give the caller that a token speaks for. Errors: TokenInvalid, never saying which part was wrong."""
    try:
        claims = jwt.decode(
            text, key, algorithms=["HS256"], audience=_AUDIENCE, issuer=origin, options={"require": ["exp", "sub"]}
        )
        caller = Caller(role=claims["role"], subject=claims["sub"], institution=claims["institution"])
    except (jwt.InvalidTokenError, KeyError):
        raise TokenInvalid(
            "The token is not valid here, or no longer.",
            hint="Ask for a new one: strokemap token --role … --subject ….",
        ) from None
    if caller.role not in ROLES:
        raise TokenInvalid("The token names an unknown role.", hint=f"Roles: {', '.join(ROLES)}.")
    return caller
