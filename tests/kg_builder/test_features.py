from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg_builder.judge.base import Context
from kg_builder.judge.features import CAP, FEATURES, measure
from kg_builder.judge.vectors import likeness, mean_of_closest, weighted_rows
from kg_builder.model import Candidate, Evidence, Page
from kg_builder.wikitext import parse_page
from strokemap.topic import Topic

STARTING = {
    "Bread": "Bread is [[flour]], [[water]] and [[yeast]], baked in an [[oven]]. [[Sourdough]] makes it rise.",
    "Sourdough": "Sourdough is a [[dough]] of [[flour]] and [[water]] raised by [[yeast]]. It flavours [[bread]].",
    "Baking": "Baking heats [[dough]] in an [[oven]]. [[Bread]] and [[cake]] are made so, of [[flour]] and [[yeast]].",
}
JUDGED = {
    "Rye bread": "Rye bread is [[bread]] of rye [[flour]] and [[sourdough]], baked in an [[oven]].",
    "Nile": "The Nile flows from [[Lake Victoria]] through [[Egypt]]. Floods came in 1878 and 1964.",
    "Egypt": "Egypt is a country on the [[Nile]]. It became a kingdom in 1922. [[Bread]] is eaten there.",
}


def _page(title: str, text: str) -> Page:
    return parse_page(title, text, redirects=())


def _context(starting: dict[str, str]) -> Context:
    pages = tuple(_page(title, starting[title]) for title in sorted(starting))
    return Context(
        topic=Topic(name="bread", starting_terms=tuple(starting), path_length=2), starting=pages, accepted=pages
    )


def _candidate(page: Page, *linkers: str) -> Candidate:
    evidence = tuple(Evidence(source=name, target=page.title, section="", sentence="It is told.") for name in linkers)
    return Candidate(page=page, path_length=1, evidence=evidence)


@pytest.fixture
def context() -> Context:
    return _context(STARTING)


@pytest.fixture
def candidates() -> list[Candidate]:
    return [_candidate(_page(title, text), "Bread") for title, text in JUDGED.items()]


def test_a_page_on_the_topic_measures_closer_than_one_off_it(context: Context, candidates: list[Candidate]) -> None:
    found = measure(candidates, context=context)
    for name in ("links_alike", "company_alike", "near_in_links", "opening_alike", "names_starting"):
        assert found["Rye bread"][name] > found["Nile"][name], name


def test_every_feature_is_known_by_name_and_has_both_wordings(context: Context, candidates: list[Candidate]) -> None:
    page = replace(candidates[0].page, categories=("Breads",))
    with_categories = replace(
        context, starting=tuple(replace(start, categories=("Breads", "Baking")) for start in context.starting)
    )
    with_categories = replace(with_categories, accepted=with_categories.starting)
    found = measure([replace(candidates[0], page=page), *candidates[1:]], context=with_categories)
    assert set(found["Rye bread"]) == {feature.name for feature in FEATURES}
    for feature in FEATURES:
        assert feature.speaks_for.endswith(".")
        assert feature.speaks_against.endswith(".")
        assert feature.speaks_for != feature.speaks_against


def test_no_feature_speaks_of_a_condition() -> None:
    text = " ".join(f"{feature.name} {feature.speaks_for} {feature.speaks_against}" for feature in FEATURES).casefold()
    assert not [word for word in ("stroke", "disease", "medic", "brain", "health") if word in text]


def test_the_order_of_candidates_changes_nothing(context: Context) -> None:
    pages = [_candidate(_page(title, text), "Bread") for title, text in JUDGED.items()]
    pages += [
        _candidate(_page(f"Loaf {n}", f"Loaf {n} is [[bread]] with [[flour]] and word{n}."), "Bread") for n in range(20)
    ]
    shuffled = list(pages)
    random.Random(1).shuffle(shuffled)
    assert measure(pages, context=context) == measure(shuffled, context=context)
    assert list(measure(shuffled, context=context)) == sorted(candidate.page.title for candidate in pages)


def test_what_a_wiki_lacks_is_left_out(context: Context, candidates: list[Candidate]) -> None:
    assert "categories_alike" not in measure(candidates, context=context)["Rye bread"]


def test_a_page_without_text_and_links_is_measured(context: Context) -> None:
    found = measure([_candidate(Page(title="Empty"))], context=context)["Empty"]
    assert found["links_alike"] == 0
    assert found["opening_alike"] == 0
    assert all(math.isfinite(value) for value in found.values())


def test_a_single_starting_page_is_enough(candidates: list[Candidate]) -> None:
    found = measure(candidates, context=_context({"Bread": STARTING["Bread"]}))
    assert found["Rye bread"]["links_alike"] > found["Nile"]["links_alike"]


def test_a_link_through_a_redirect_counts(context: Context) -> None:
    plain = _page("Toast", "Toast is [[loaf|bread]] browned.")
    renamed = replace(
        context,
        starting=tuple(
            replace(page, redirects=("Loaf",)) if page.title == "Bread" else page for page in context.starting
        ),
    )
    renamed = replace(renamed, accepted=renamed.starting)
    assert measure([_candidate(plain)], context=context)["Toast"]["links_to_starting"] == 0
    assert measure([_candidate(plain)], context=renamed)["Toast"]["links_to_starting"] > 0


def test_evidence_counts_even_where_the_mention_could_not_be_resolved(context: Context) -> None:
    page = _page("Crust", "Crust is the hard outside.")
    alone = measure([_candidate(page)], context=context)["Crust"]
    linked = measure([_candidate(page, "Bread", "Baking")], context=context)["Crust"]
    assert linked["near_in_links"] > alone["near_in_links"]


@pytest.mark.parametrize(
    ("title", "proper"),
    [
        ("Bread", 0.0),
        ("Rye bread", 0.0),
        ("Rye bread (Northern Europe)", 0.0),
        ("Vitamin B", 0.0),
        ("Jean Martin", 1.0),
        ("Bay of Fundy", 1.0),
    ],
)
def test_titles_of_several_capitals_are_proper_names(context: Context, title: str, proper: float) -> None:
    assert measure([_candidate(_page(title, "It is."))], context=context)[title]["proper_name"] == proper


def test_years_count_by_their_share_of_the_opening(context: Context, candidates: list[Candidate]) -> None:
    found = measure(candidates, context=context)
    assert found["Nile"]["years_in_opening"] > 0
    assert found["Rye bread"]["years_in_opening"] == 0


def test_likeness_of_a_row_with_itself_is_not_counted() -> None:
    rows = weighted_rows([["a", "b"], ["a", "b"], ["c"]])
    cosines = likeness(rows, of=[0, 2], to=[0, 1])
    assert math.isnan(cosines[0, 0])
    assert cosines[0, 1] == pytest.approx(1.0)
    assert mean_of_closest(cosines, count=3).tolist() == pytest.approx([1.0, 0.0])


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.text(alphabet="ab [](){}|=*#'\n1é", max_size=60), min_size=1, max_size=6))
def test_any_text_gives_finite_bounded_features(texts: list[str]) -> None:
    pages = [_candidate(_page(f"Page {number}", text), "Bread") for number, text in enumerate(texts)]
    found = measure(pages, context=_context(STARTING))
    assert len(found) == len(texts)
    values = np.array([value for of_page in found.values() for value in of_page.values()])
    assert np.isfinite(values).all()
    assert values.max() <= CAP
