"""The screens of clinicians and patients, rendered here, without scripts; map_screens.py has the curators'."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field

from api.access import ALLOWED, Caller, check_action
from api.http.depends import ServiceDep, get_doors
from api.indexing import correct_article, described_articles
from api.schemas import parse_day
from api.search_schemas import ArticleOut
from api.tokens import read_token
from search import Query
from search.article import KINDS, STAGES, is_overdue
from search.explain import cut_snippet
from search.lines import CORRECTABLE
from search.query import Filters
from strokemap.errors import AccessDenied, StrokemapError, TokenInvalid

COOKIE = "strokemap_session"
router = APIRouter(include_in_schema=False)
templates = Jinja2Templates(directory=Path(__file__).parent / "templates")
templates.env.autoescape = True
templates.env.globals.update(KINDS=KINDS, STAGES=STAGES, PAGE=10)


class SearchForm(BaseModel):
    """The form of the search screen; each of its buttons adds to what the fields say."""

    query: str = ""
    instead: str = ""
    """The query as it was meant, where the reader takes it up."""
    expand: bool = True
    with_: list[str] = Field(default_factory=list, alias="with", max_length=20)
    without: list[str] = Field(default_factory=list, max_length=20)
    back: list[str] = Field(default_factory=list, max_length=20)
    """Terms to take back in that were left out."""
    source: str = ""
    kind: str = ""
    stage: str = ""
    offset: int = Field(default=0, ge=0)
    index: str = ""


def get_visitor(request: Request, service: ServiceDep) -> Caller | None:
    """Give who is signed in, or None."""
    secret = request.cookies.get(COOKIE)
    if not secret:
        return None
    try:
        return service.state.session(secret, now=service.now())
    except TokenInvalid:
        return None


def check_same_site(request: Request) -> None:
    """Refuse a form that another site sent: browsers tell where a POST comes from."""
    origin = request.headers.get("origin")
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise AccessDenied("This form came from another site.", hint="Open Strokemap itself and try again.")


def get_signed_in(visitor: Annotated[Caller | None, Depends(get_visitor)]) -> Caller:
    """Give who is signed in; send anybody else to sign in first."""
    if visitor is None:
        raise HTTPException(303, headers={"Location": "/signin"})
    return visitor


AnyVisitor = Annotated[Caller | None, Depends(get_visitor)]
Visitor = Annotated[Caller, Depends(get_signed_in)]
SameSite = Depends(check_same_site)


def page(
    request: Request,
    name: str,
    visitor: Caller | None,
    values: Mapping[str, object] = MappingProxyType({}),
    *,
    status: int = 200,
) -> HTMLResponse:
    """Render a template with what every page shows."""
    actions = [action for action, roles in ALLOWED.items() if visitor and visitor.role in roles]
    demonstration = get_doors(request).service.home.demonstration
    shared = {"visitor": visitor, "actions": actions, "demonstration": demonstration}
    return templates.TemplateResponse(request, name, shared | dict(values), status_code=status)


def show_error(request: Request, error: StrokemapError) -> Response:
    """Show an error that no screen of its own could show."""
    visitor = get_visitor(request, get_doors(request).service)
    return page(request, "error.html", visitor, {"error": error}, status=error.http_status)


@router.get("/")
def start(visitor: AnyVisitor) -> Response:
    """Send each role to its own first screen."""
    first = {"patient": "/recommendations", "curator": "/map", "clinician": "/search"}
    return RedirectResponse(first.get(visitor.role, "/search") if visitor else "/signin", status_code=303)


@router.get("/signin")
def signin_page(request: Request, visitor: AnyVisitor) -> Response:
    """Ask for a token; on a demonstration, offer invented people to be."""
    return page(request, "signin.html", visitor)


@router.post("/signin", dependencies=[SameSite])
def signin(request: Request, service: ServiceDep, token: Annotated[str, Form(max_length=5000)]) -> Response:
    """Begin a session for the person that the token speaks for."""
    try:
        caller = read_token(token.strip(), key=service.keys.secret("token"), origin=service.home.origin)
    except TokenInvalid as error:
        return page(request, "signin.html", None, {"error": error}, status=error.http_status)
    return _enter(service, caller)


@router.post("/signin/demonstration", dependencies=[SameSite])
def signin_demonstration(service: ServiceDep, person: Annotated[str, Form()]) -> Response:
    """Begin a session as an invented person; on a demonstration's home only."""
    people = {
        "clinician": Caller(role="clinician", subject="demo-clinician", institution="north"),
        "patient": Caller(role="patient", subject="north-000001", institution="north"),
        "curator": Caller(role="curator", subject="demo-curator"),
    }
    if not service.home.demonstration or person not in people:
        raise AccessDenied("Only a demonstration lets invented people in.", hint="Sign in with a token.")
    return _enter(service, people[person])


@router.post("/signout", dependencies=[SameSite])
def signout(request: Request, service: ServiceDep) -> Response:
    """End the session."""
    service.state.end_session(request.cookies.get(COOKIE, ""))
    response = RedirectResponse("/signin", status_code=303)
    response.delete_cookie(COOKIE)
    return response


@router.get("/search")
def search_page(request: Request, visitor: Visitor) -> Response:
    """Show the empty search."""
    return page(request, "search.html", visitor, {"audience": _audience(visitor), "form": SearchForm()})


@router.post("/search", dependencies=[SameSite])
def search_results(
    request: Request,
    service: ServiceDep,
    visitor: Visitor,
    form: Annotated[SearchForm, Form()],
) -> Response:
    """Search; the query travels in the body, so that no health data stands in an address."""
    audience = _audience(visitor)
    # Each button of the page adds one thing to what the form says already, and searches again.
    query = form.instead or form.query
    added = [name for name in dict.fromkeys(map(str.strip, form.with_)) if name and name not in form.without]
    left_out = [name for name in dict.fromkeys(form.without) if name not in form.back]
    values: dict[str, object] = {
        "form": form,
        "query": query,
        "audience": audience,
        "with_": added,
        "without": left_out,
    }
    try:
        asked = Query(
            text=query,
            audience=audience,
            expand=form.expand,
            with_terms=tuple(added),
            without_terms=tuple(left_out),
            offset=form.offset,
            index=form.index if form.offset else "",
            filters=Filters(source=form.source.strip(), kind=form.kind, stage=form.stage),
        )
        answer = service.search(asked, caller=visitor)
    except StrokemapError as error:
        # What was added last may be what is wrong: it goes back into its box.
        typed = {"with_": added[:-1], "typed": added[-1] if added else ""}
        return page(request, "search.html", visitor, values | typed | {"error": error}, status=error.http_status)
    marked = {result.id: tuple(cut_snippet(result)) for result in answer.results}
    return page(request, "search.html", visitor, values | {"answer": answer, "marked": marked})


@router.get("/recommendations")
def own_recommendations(request: Request, service: ServiceDep, visitor: Visitor) -> Response:
    """Show a patient their own articles; a clinician chooses a patient first."""
    if visitor.role != "patient":
        check_action(visitor, "recommend")
        return page(request, "recommendations.html", visitor)
    return _recommendations(request, service, visitor, patient=visitor.subject, as_of="")


@router.post("/recommendations", dependencies=[SameSite])
def chosen_recommendations(
    request: Request,
    service: ServiceDep,
    visitor: Visitor,
    patient: Annotated[str, Form()] = "",
    as_of: Annotated[str, Form()] = "",
) -> Response:
    """Show a clinician the articles for one patient in their care."""
    who = visitor.subject if visitor.role == "patient" else patient.strip()
    return _recommendations(request, service, visitor, patient=who, as_of=as_of)


@router.get("/articles/{article_id:path}")
def article_page(article_id: str, request: Request, service: ServiceDep, visitor: Visitor) -> Response:
    """Show one article."""
    check_action(visitor, "read article")
    article = ArticleOut.model_validate(service.reader.current().index.article(article_id))
    return page(request, "article.html", visitor, {"article": article, "fields": CORRECTABLE})


@router.post("/articles/{article_id:path}", dependencies=[SameSite])
def correct(
    article_id: str,
    request: Request,
    service: ServiceDep,
    visitor: Visitor,
    field: Annotated[str, Form()],
    value: Annotated[str, Form()] = "",
) -> Response:
    """Correct one field of an article and show it."""
    check_action(visitor, "correct article")
    try:
        correct_article(service.home, article_id, field=field, value=value.strip())
    except StrokemapError as error:
        return page(request, "error.html", visitor, {"error": error}, status=error.http_status)
    return RedirectResponse(f"/articles/{quote(article_id)}", status_code=303)


@router.get("/library")
def library_page(request: Request, service: ServiceDep, visitor: Visitor) -> Response:
    """Show a curator the articles past their review date."""
    check_action(visitor, "correct article")
    today = service.now().date()
    overdue = [article for article in described_articles(service.home) if is_overdue(article, today=today)]
    return page(request, "library.html", visitor, {"articles": sorted(overdue, key=lambda article: article.review_by)})


def _recommendations(
    request: Request, service: ServiceDep, visitor: Caller, *, patient: str, as_of: str
) -> HTMLResponse:
    values: dict[str, object] = {"patient": patient, "as_of": as_of}
    try:
        day = parse_day(as_of, where="as_of") if as_of else None
        answer = service.recommend(patient, as_of=day, limit=10, caller=visitor)
    except StrokemapError as error:
        return page(request, "recommendations.html", visitor, values | {"error": error}, status=error.http_status)
    return page(request, "recommendations.html", visitor, values | {"answer": answer})


def _enter(service: ServiceDep, caller: Caller) -> Response:
    secret = service.state.start_session(caller, now=service.now(), random_bytes=service.random_bytes)
    response = RedirectResponse("/", status_code=303)
    response.set_cookie(COOKIE, secret, httponly=True, samesite="strict", max_age=12 * 3600)
    return response


def _audience(visitor: Caller) -> str:
    return "patient" if visitor.role == "patient" else "clinician"
