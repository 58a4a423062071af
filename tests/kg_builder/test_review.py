from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from kg_builder.model import Build, Evidence, Link, Term
from kg_builder.projection import Projection, make_projection
from kg_builder.review import Pair, find_duplicates, find_orphans

NEIGHBOURS = [f"Neighbour {letter * 3}" for letter in "abcdefgh"]


def project(build: Build, folder: Path) -> Projection:
    return make_projection(build, texts=(), folder=folder / "projection")


@pytest.fixture
def grown(tiny_build: Build) -> Build:
    """The tiny build with terms that look alike, each in one way, and some that only seem to."""
    pattern = tiny_build.terms[-1]
    names: dict[str, tuple[str, ...]] = {
        "Herpes zoster": ("Shingles",),
        "Shingle (disease)": ("shingle",),
        "Haemorrhage": (),
        "Hemorrhage": (),
        "Type 1 diabetes": (),
        "Type 2 diabetes": (),
        "Vitamin C": (),
        "Vitamin D": (),
        "Healthcare": (),
        "Health care": (),
        "Gait": (),
        "Gate": (),
        "One company": (),
        "Two company": (),
        **dict.fromkeys(NEIGHBOURS, ()),
    }
    new = [replace(pattern, title=title, other_names=others) for title, others in names.items()]
    terms = tuple(sorted((*tiny_build.terms, *new), key=lambda term: term.title))
    links = [link_of(name, title) for title in ("One company", "Two company") for name in NEIGHBOURS]
    links += [link_of("One company", "Stroke"), link_of("Two company", "Warfarin")]
    return replace(tiny_build, terms=terms, links=tuple(sorted((*tiny_build.links, *links), key=lambda one: one.a)))


def link_of(one: str, other: str) -> Link:
    a, b = sorted((one, other))
    return Link(a=a, b=b, evidence=(Evidence(source=a, target=b, section="", sentence=""),))


def test_orphans_are_the_terms_that_nothing_joins_to_a_starting_term(tiny_build: Build, tmp_path: Path) -> None:
    assert find_orphans(project(tiny_build, tmp_path)) == ("Zoster",)
    cut = [link for link in tiny_build.links if "Atrial fibrillation" not in (link.a, link.b) or link.b == "Warfarin"]
    pair = replace(tiny_build, links=tuple(cut))
    assert find_orphans(project(pair, tmp_path / "other")) == ("Atrial fibrillation", "Warfarin", "Zoster")


def test_duplicates_share_a_name_a_spelling_or_their_neighbours(grown: Build, tmp_path: Path) -> None:
    found = find_duplicates(project(grown, tmp_path), limit=20)
    assert found == (
        Pair(term="Herpes zoster", other="Shingle (disease)", score=1.0, reasons=("both are called “shingle”",)),
        Pair(term="Haemorrhage", other="Hemorrhage", score=0.9, reasons=("their titles are a letter apart",)),
        Pair(term="Health care", other="Healthcare", score=0.9, reasons=("their titles are a letter apart",)),
        Pair(term="One company", other="Two company", score=0.8, reasons=("8 neighbours in common, 80% of all",)),
    )


def test_pairs_that_were_both_accepted_are_left_out(grown: Build, tmp_path: Path) -> None:
    projection = project(grown, tmp_path)
    settled = {"Haemorrhage", "Hemorrhage", "Health care", "Healthcare", "One company"}
    found = find_duplicates(projection, settled=settled, limit=20)
    assert [pair.term for pair in found] == ["Herpes zoster", "One company"]
    assert len(find_duplicates(projection, limit=1)) == 1
    assert find_duplicates(projection, limit=0) == ()


def test_a_map_in_which_nothing_is_alike_has_no_duplicates(tiny_build: Build, tmp_path: Path) -> None:
    assert find_duplicates(project(tiny_build, tmp_path), limit=20) == ()


def test_what_a_crowd_has_in_common_makes_no_pairs(tiny_build: Build, tmp_path: Path) -> None:
    pattern: Term = tiny_build.terms[-1]
    crowd = [replace(pattern, title=f"Zzz {number:02}", other_names=("The crowd",)) for number in range(40)]
    build = replace(tiny_build, terms=(*tiny_build.terms, *crowd))
    assert find_duplicates(project(build, tmp_path), limit=20) == ()


def test_only_few_of_all_pairs_are_compared(tiny_build: Build, tmp_path: Path) -> None:
    chance, pattern = random.Random(5), tiny_build.terms[-1]
    names = sorted({"".join(chance.choices("aeioulnrst", k=10)).title() for _ in range(500)} | {"Aphasias", "Aphasiax"})
    pairs = {tuple(sorted(chance.sample(names, 2))) for _ in range(4000)}
    projection = project(
        replace(
            tiny_build,
            terms=tuple(
                sorted((*tiny_build.terms, *(replace(pattern, title=name) for name in names)), key=lambda t: t.title)
            ),
            links=tuple(
                sorted((*tiny_build.links, *(link_of(*pair) for pair in pairs)), key=lambda one: (one.a, one.b))
            ),
        ),
        tmp_path,
    )
    called = Counter[str]()
    sys.setprofile(lambda frame, event, _: called.update([frame.f_code.co_name]) if event == "call" else None)
    try:
        found = find_duplicates(projection, limit=20)
    finally:
        sys.setprofile(None)
    assert found
    everything = len(projection) * (len(projection) - 1) / 2
    assert 0 < called["_one_slip"] < everything / 100
    assert called["neighbours"] < everything / 100
