"""Two doors that hospital systems already know: CDS Hooks 2.0 (patient-view) and HL7 Infobutton (URL based)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from api.access import Caller
from api.http.depends import ServiceDep, may
from search import Query as SearchQuery
from strokemap.errors import UsageError

router = APIRouter(tags=["standards"])
SERVICE_ID = "strokemap-articles"
_CARDS = 3


class HookContext(BaseModel):
    """The part of a patient-view hook's context that is used."""

    patientId: str = Field(max_length=200)  # noqa: N815 - the standard's name


class HookIn(BaseModel):
    """A CDS Hooks call; what is not used is ignored, as the standard asks."""

    hook: str
    hookInstance: str = Field(max_length=200)  # noqa: N815 - the standard's name
    context: HookContext


@router.get("/cds-services")
def discover() -> dict[str, list[dict[str, str]]]:
    """List the decision-support services."""
    return {
        "services": [
            {
                "hook": "patient-view",
                "id": SERVICE_ID,
                "title": "Articles for this patient",
                "description": "Articles on stroke rehabilitation that fit the patient's history, with the reasons.",
            }
        ]
    }


@router.post("/cds-services/{service_id}")
def call(
    service_id: str, body: HookIn, service: ServiceDep, caller: Annotated[Caller, Depends(may("decision support"))]
) -> dict[str, list[dict[str, Any]]]:
    """Give the best articles for the patient in view as cards; the patient is one of the caller's institution."""
    if service_id != SERVICE_ID or body.hook != "patient-view":
        raise UsageError("There is no such service.", hint="See GET /cds-services.", where="id")
    patient = f"{caller.institution}-{body.context.patientId}"
    answer = service.recommend(patient, as_of=None, limit=_CARDS, caller=caller)
    age = f" Newest data of {answer.data_as_of[:10]}." if answer.data_as_of else ""
    return {
        "cards": [
            {
                "summary": result.title[:140],
                "detail": " ".join(dict.fromkeys(reason.text for reason in result.reasons)) + age,
                "indicator": "info",
                "source": {"label": "Strokemap"},
            }
            for result in answer.results
        ]
    }


@router.get("/infobutton")
def infobutton(
    request: Request,
    service: ServiceDep,
    caller: Annotated[Caller, Depends(may("search"))],
    display: Annotated[str, Query(alias="mainSearchCriteria.v.dn", max_length=1000)] = "",
    original: Annotated[str, Query(alias="mainSearchCriteria.v.ot", max_length=1000)] = "",
    recipient: Annotated[str, Query(alias="informationRecipient", pattern="^(PAT|PROV|PAYOR)$")] = "PROV",
) -> dict[str, Any]:
    """Answer a context-aware look-up with a feed of articles (knowledgeResponseType application/json)."""
    text = display or original
    if not text:
        raise UsageError(
            "The look-up names no concept.",
            hint="Give mainSearchCriteria.v.dn, the display name of the concept.",
            where="mainSearchCriteria.v.dn",
        )
    audience = "patient" if recipient == "PAT" else "clinician"
    answer = service.search(SearchQuery(text=text, audience=audience), caller=caller)
    base = str(request.base_url).rstrip("/")
    return {
        "feed": {
            "title": {"_value": "Strokemap"},
            "updated": {"_value": service.now().isoformat(timespec="seconds")},
            "entry": [
                {
                    "title": {"_value": result.title},
                    "id": {"_value": result.id},
                    "link": [{"rel": "alternate", "href": result.url or f"{base}/articles/{result.id}"}],
                    "summary": {"_value": result.snippet},
                }
                for result in answer.results
            ],
        }
    }
