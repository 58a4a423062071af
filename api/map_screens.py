"""Curators' screens: a term with its neighbours, what is to review, decisions."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from api.access import check_action
from api.http.depends import BenchDep, ServiceDep, StoreRoute
from api.schemas import term_out
from api.screens import SameSite, Visitor, page
from kg_builder.curate import ACTIONS, in_force
from kg_builder.projection import TermId
from strokemap.errors import StrokemapError

_NEIGHBOURS_DRAWN = 18
_LISTED = 20
router = APIRouter(include_in_schema=False, route_class=StoreRoute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a neighbour stands in the picture of a term, in SVG units."""

    title: str
    x: float
    y: float
    anchor: str


@router.get("/map")
def map_page(request: Request, service: ServiceDep, bench: BenchDep, visitor: Visitor, term: str = "") -> Response:
    """Show a term with its neighbours, what it rests on, the queue and the builds."""
    check_action(visitor, "read map")
    projection = service.reader.current().projection
    titles = sorted(projection.titles, key=str.casefold)
    busiest = max(range(len(projection)), key=lambda number: len(projection.neighbours(TermId(number))[0]))
    title = term or projection.titles[busiest]
    with bench.at_once() as opened:
        values: dict[str, object] = {
            "titles": titles,
            "title": title,
            "builds": opened.builds(),
            "queue": opened.queue(limit=8),
            "actions_known": [action for action in ACTIONS if action != "undo"],
            "decisions": opened.decisions()[-8:][::-1],
        }
        try:
            view = term_out(opened.term(title))
        except StrokemapError as error:
            return page(request, "map.html", visitor, values | {"error": error}, status=error.http_status)
    closest = Counter(step.target if step.source == title else step.source for step in view.links)
    spots = place_around(tuple(name for name, _ in closest.most_common(_NEIGHBOURS_DRAWN)))
    return page(request, "map.html", visitor, values | {"view": view, "spots": spots})


@router.get("/map/review")
def review_page(request: Request, bench: BenchDep, visitor: Visitor) -> Response:
    """Show what deserves a curator's look: the least certain terms, likely duplicates, orphans, decisions in force."""
    check_action(visitor, "decide")
    with bench.at_once() as opened:
        values: dict[str, object] = {
            "queue": opened.queue(limit=_LISTED),
            "duplicates": opened.duplicates(limit=_LISTED),
            "orphans": opened.orphans()[:_LISTED],
            "decisions": in_force(opened.decisions())[::-1],
        }
    return page(request, "review.html", visitor, values)


@router.post("/map/decisions", dependencies=[SameSite])
def decide(
    request: Request,
    service: ServiceDep,
    bench: BenchDep,
    visitor: Visitor,
    action: Annotated[str, Form()],
    term: Annotated[str, Form()] = "",
    why: Annotated[str, Form()] = "",
    value: Annotated[str, Form()] = "",
    then: Annotated[Literal["term", "review"], Form()] = "term",
) -> Response:
    """Record a curator's decision and go back to the term, or to what is left to review."""
    check_action(visitor, "decide")
    try:
        bench.decide(
            action=action, term=term, value=value.strip(), why=why.strip(), who=visitor.subject, now=service.now()
        )
    except StrokemapError as error:
        return page(request, "error.html", visitor, {"error": error}, status=error.http_status)
    place = "/map/review" if then == "review" else f"/map?term={quote(term)}"
    return RedirectResponse(place, status_code=303)


def place_around(titles: tuple[str, ...]) -> tuple[Spot, ...]:
    """Place neighbours on an ellipse around the middle of an 800 × 460 picture, the first at the top."""
    spots = []
    for number, title in enumerate(titles):
        angle = 2 * math.pi * number / len(titles) - math.pi / 2
        x, y = 400 + 225 * math.cos(angle), 230 + 190 * math.sin(angle)
        anchor = "middle" if abs(x - 400) < 40 else "start" if x > 400 else "end"
        spots.append(Spot(title=title, x=round(x, 1), y=round(y, 1), anchor=anchor))
    return tuple(spots)
