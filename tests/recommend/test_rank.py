"""Features, scores that add up, and a varied choice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from hive_queries import Fact
from kg_builder.projection import Projection
from recommend.candidates import Candidate
from recommend.needs import Need, find_needs, read_facts
from recommend.rank import Ranked, choose, rank
from recommend.rules import Rulebook
from recommend.stage import Stage
from recommend.weights import FEATURES, Weights
from search.article import Article

MakeFact = Callable[..., Fact]
Ranker = Callable[..., tuple[Ranked, ...]]


@pytest.fixture
def needs(fact: MakeFact, rulebook: Rulebook, tiny_map: Projection) -> tuple[Need, ...]:
    """Aphasia, atrial fibrillation (which the map lacks), hypertension, a stroke."""
    facts = (fact("RDEF4"), fact("RATRIAL"), fact("RSBP", "180", kind="observation"), fact("STYPE", "PACS"))
    return find_needs(read_facts(facts, codes=rulebook.codes), projection=tiny_map)


@pytest.fixture
def ranker(needs: tuple[Need, ...], tiny_map: Projection, weights: Weights) -> Ranker:
    """Rank articles that no text found, three weeks after the stroke."""

    def run(*articles: Article, stage: str = "early") -> tuple[Ranked, ...]:
        candidates = [Candidate(article=article, shares={}) for article in articles]
        return rank(
            candidates, needs=needs, stage=Stage(name=stage), as_of=date(2026, 11, 20), projection=tiny_map,
            weights=weights,
        )  # fmt: skip

    return run


def article(id: str = "a", **fields: object) -> Article:
    return Article(**({"id": f"lib:{id}", "title": "A title", "text": "", "audience": "patient"} | fields))  # type: ignore[arg-type]


def value(each: Ranked, feature: str) -> float:
    return next(part.value for part in each.parts if part.feature == feature)


def test_parts_name_every_feature_and_add_up_to_the_score(ranker: Ranker) -> None:
    for each in ranker(article("a", focus="Aphasia", reading_grade=7.3), article("b", focus="Stroke")):
        assert tuple(part.feature for part in each.parts) == FEATURES
        assert sum(part.score for part in each.parts) == pytest.approx(each.score, abs=1e-6)
        for part in each.parts:
            assert part.value * part.weight == pytest.approx(part.score, abs=1e-6)


@pytest.mark.parametrize(
    ("feature", "better", "worse"),
    [
        ("about", {"focus": "Aphasia"}, {"focus": "Hypertension"}),
        ("about", {"focus": "High blood pressure"}, {"focus": "High blood pressure in pregnancy"}),
        ("about", {"focus": "Atrial fibrillation and stroke"}, {"focus": "Atrial fibrillation in dogs"}),
        ("about", {"subjects": ("Aphasia", "Stroke")}, {"subjects": ("Stroke", "Aphasia")}),
        ("about", {"subjects": ("Aphasia",)}, {"title": "About aphasia"}),
        ("map", {"focus": "Aphasia"}, {"focus": "Speech therapy"}),
        ("also", {"focus": "Aphasia", "subjects": ("Hypertension",)}, {"focus": "Aphasia"}),
        ("stage", {"stage": ("early",)}, {}),
        ("stage", {}, {"stage": ("late",)}),
        ("kind", {"kind": "do"}, {"kind": "prevent"}),
        ("audience", {"audience": "patient"}, {"audience": ""}),
        ("audience", {"audience": ""}, {"audience": "clinician"}),
        ("reading", {"reading_grade": 6.0}, {"reading_grade": 9.0}),
        ("reading", {}, {"reading_grade": 16.0}),
        ("freshness", {"date": "2025-01"}, {"date": "2016"}),
        ("freshness", {}, {"date": "1999-12-31"}),
    ],
)
def test_feature_prefers(ranker: Ranker, feature: str, better: dict[str, object], worse: dict[str, object]) -> None:
    grounded = {"focus": "Aphasia"} if feature not in ("about", "map", "also") else {}
    (good,) = ranker(article(**(grounded | better)))
    (bad,) = ranker(article(**(grounded | worse)))
    assert value(good, feature) > value(bad, feature)


def test_article_on_something_else_is_left_out(ranker: Ranker) -> None:
    assert ranker(article(focus="The moon"), article("b", focus="Pulmonary hypertension")) == ()


def test_words_in_passing_add_a_reason_but_do_not_suffice(
    needs: tuple[Need, ...], tiny_map: Projection, weights: Weights
) -> None:
    heart = next(need for need in needs if need.names[0] == "Atrial fibrillation")
    shares = {heart.names: 1.0}
    found = rank(
        [Candidate(article=article("moon", focus="The moon"), shares=shares),
         Candidate(article=article("stroke", focus="Stroke"), shares=shares)],
        needs=needs, stage=Stage(name="early"), as_of=date(2026, 11, 20), projection=tiny_map, weights=weights,
    )  # fmt: skip
    assert [each.article.id for each in found] == ["lib:stroke"]
    assert heart in [match.need for match in found[0].matches[1:]]


def test_strong_need_without_an_article_of_its_own_gets_one_that_speaks_of_it(
    needs: tuple[Need, ...], tiny_map: Projection, weights: Weights
) -> None:
    heart = next(need for need in needs if need.names[0] == "Atrial fibrillation")
    on_words = [article(f"w{n}", focus="Aphasia", title=f"Words {n * 'x'}", reading_grade=5.0) for n in range(2)]
    in_passing = article("in-passing", focus="Stroke", title="Causes")
    found = rank(
        [*(Candidate(article=each, shares={}) for each in on_words),
         Candidate(article=in_passing, shares={heart.names: 1.0})],
        needs=needs, stage=Stage(name="early"), as_of=date(2026, 11, 20), projection=tiny_map, weights=weights,
    )  # fmt: skip
    assert found[-1].article is in_passing
    assert [each.article.id for each in choose(found, limits=weights.limits, limit=2)][-1] == "lib:in-passing"


def test_ties_are_broken_by_id(ranker: Ranker) -> None:
    twins = [article(id, focus="Aphasia", title=f"{id} {id}") for id in ("c", "a", "b")]
    assert [each.article.id for each in ranker(*twins)] == ["lib:a", "lib:b", "lib:c"]


def test_choice_has_few_for_one_need_and_one_for_each_strong_need(ranker: Ranker, weights: Weights) -> None:
    many = [article(f"aphasia-{n}", focus="Aphasia", title=f"Title {n * 'x'} {n * 'y'}") for n in range(1, 9)]
    weak = article("pressure", focus="Hypertension", title="Pressure", audience="", reading_grade=14.0)
    ranked = ranker(*many, weak)
    chosen = choose(ranked, limits=weights.limits, limit=4)
    assert [each.article.id for each in chosen][-1] == "lib:pressure"
    assert len(chosen) == 4
    assert [each.article.id for each in choose(ranked, limits=weights.limits, limit=10)] == [
        each.article.id for each in chosen
    ]


def test_choice_of_one_is_for_the_heaviest_need(ranker: Ranker, weights: Weights) -> None:
    dull = article("a", focus="Aphasia", audience="", reading_grade=16.0, stage=("late",))
    ranked = ranker(dull, article("b", focus="Atrial fibrillation", reading_grade=5.0, stage=("early",)))
    assert ranked[0].article.id == "lib:b"
    assert [each.article.id for each in choose(ranked, limits=weights.limits, limit=1)] == ["lib:a"]


def test_nearly_equal_titles_are_recommended_once(ranker: Ranker, weights: Weights) -> None:
    ranked = ranker(
        article("a", focus="Aphasia", title="Finding words after a stroke"),
        article("b", focus="Aphasia", title="Finding words after your stroke"),
        article("c", focus="Aphasia", title="What is the outlook for aphasia?"),
        article("d", focus="Hypertension", title="What is the outlook for hypertension?"),
    )
    assert {each.article.id for each in choose(ranked, limits=weights.limits, limit=10)} == {"lib:a", "lib:c", "lib:d"}


def test_choice_of_nothing_is_empty(weights: Weights) -> None:
    assert choose((), limits=weights.limits, limit=10) == ()
