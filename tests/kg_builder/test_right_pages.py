"""One wiki with everything that is not a subject linked from one page: the map has the subjects, from both sources."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from api.curating import Bench
from api.growing import Crawl, grow
from kg_builder import Build
from strokemap.home import open_home
from strokemap.progress import silent
from strokemap.topic import Topic
from tests.kg_builder.conftest import export_file
from tests.servers.mediawiki import Wikis

pytestmark = pytest.mark.server
TOPIC = Topic(name="traps", starting_terms=("Stroke",), path_length=1, judge="everything")


class Trap(NamedTuple):
    """A piece of the starting page's text, the pages it needs, and the terms that it should bring."""

    text: str
    pages: Mapping[str, str] = {}
    terms: tuple[str, ...] = ()


A_PAGE = "It is a page."
MARKS = ("disambiguation cleanup", "TLAdisambig", "hndis-cleanup", "roaddis")


def trap_of(*titles: str, page: str = A_PAGE, marks: Sequence[str] = ()) -> Trap:
    """Link to pages that are no subjects, each with its mark if there are any."""
    texts = [page % mark for mark in marks] or [page] * len(titles)
    return Trap(" ".join(f"[[{title}]]" for title in titles), dict(zip(titles, texts, strict=True)))


TRAPS = {
    "other namespaces": Trap("[[File:X.jpg]] [[:Category:C]] [[Talk:T]] [[User:U]] [[Help:H]]", {"Help:H": A_PAGE}),
    "dates": trap_of("1990", "5 May", "5 May 1990", "May 5, 1990", "20th century", "2000s (decade)", "1900 (year)"),
    "periods": trap_of("1990 in medicine", "2000s in medicine", "20th century in medicine", "Deaths in 2013"),
    "lists": trap_of("List of nerves", "Alphabetical list of nerves", "Bibliography of medicine", "Index of medicine"),
    "histories are subjects": Trap("[[History of stroke]]", {"History of stroke": A_PAGE}, ("History of stroke",)),
    "disambiguation pages": Trap("[[Insult]]", {"Insult": "May mean [[Abuse]]. {{disambig}}", "Abuse": A_PAGE}),
    "others of these": trap_of("Apo", "Tia", "Attack", "Route 5", page="May mean [[Abuse]]. {{%s}}", marks=MARKS),
    "names": trap_of("Broca", "Ada", page="Is borne by [[Abuse]]. {{%s}}", marks=("surname", "given name")),
    "navigation templates": Trap("{{Stroke navbox}}", {"Template:Stroke navbox": "[[Boxed]]", "Boxed": A_PAGE}),
    "self-links": Trap("[[Stroke]] and [[stroke|this]] and [[Brain attack]]", {"Brain attack": "#REDIRECT [[Stroke]]"}),
    "red links": Trap("[[Nobody wrote this]]"),
    "loops of redirects": Trap("[[Loop]]", {"Loop": "#REDIRECT [[Pool]]", "Pool": "#REDIRECT [[Loop]]"}),
    "double redirects": Trap(
        "[[First]]", {"First": "#REDIRECT [[Second]]", "Second": "#REDIRECT [[Third]]", "Third": A_PAGE}, ("Third",)
    ),
    "redirects to a section": Trap("[[Part]]", {"Part": "#REDIRECT [[Whole#Part]]", "Whole": A_PAGE}, ("Whole",)),
    "redirects that lead away": Trap("[[Away]]", {"Away": "#REDIRECT [[Talk:Stroke]]"}),
    "other wikis and languages": Trap("[[wikt:stroke]] [[de:Schlaganfall]] [[:fr:AVC]]"),
    "small first letter": Trap("[[aphasia]] and [[Aphasia]]", {"Aphasia": A_PAGE}, ("Aphasia",)),
    "other letters matter": Trap("[[Case study]]", {"Case study": A_PAGE, "Case Study": "Another."}, ("Case study",)),
    "underscores and blanks": Trap("[[Blood_clot]] [[_Blood  clot_]]", {"Blood clot": A_PAGE}, ("Blood clot",)),
    "composed and decomposed letters": Trap("[[Caf\u00e9]] [[Cafe&#x301;]]", {"Caf\u00e9": A_PAGE}, ("Caf\u00e9",)),
    "entities": Trap("[[M&amp;M]]", {"M&M": A_PAGE}, ("M&M",)),
    "percent signs": Trap("[[Arteri%6Fle]]", {"Arteriole": A_PAGE}, ("Arteriole",)),
    "references": Trap("Words.<ref>See [[Footnoted]].</ref>", {"Footnoted": A_PAGE}),
}  # fmt: skip


@pytest.fixture(scope="module")
def grow_map(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Build]:
    def run(source: str) -> Build:
        folder = tmp_path_factory.mktemp("home")
        bench = Bench(home=open_home(folder), store_url=f"sqlite:///{folder}/map.db")
        asked = Crawl(topic=TOPIC, source=source, contact="tests@strokemap.example")
        return grow(asked, bench=bench, now=datetime.now(UTC), progress=silent)

    return run


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pages = {"Stroke": "\n\n".join(trap.text for trap in TRAPS.values())}
    for trap in TRAPS.values():
        pages |= trap.pages
    return export_file(tmp_path_factory.mktemp("export") / "traps.xml", pages)


@pytest.fixture(scope="module")
def from_wiki(wikis: Wikis, export: Path, grow_map: Callable[[str], Build]) -> Build:
    return grow_map(wikis.serve(export))


@pytest.mark.parametrize("name", TRAPS)
def test_trap_brings_just_its_subjects(from_wiki: Build, name: str) -> None:
    trap, titles = TRAPS[name], {term.title for term in from_wiki.terms}
    assert titles & {*trap.pages, *trap.terms} == set(trap.terms)


def test_nothing_else_came(from_wiki: Build) -> None:
    wanted = {"Stroke"} | {term for trap in TRAPS.values() for term in trap.terms}
    assert {term.title for term in from_wiki.terms} == wanted


def test_export_gives_the_same_build(from_wiki: Build, export: Path, grow_map: Callable[[str], Build]) -> None:
    assert grow_map(str(export)).digest == from_wiki.digest
