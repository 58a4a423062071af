from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace

import pytest

from kg_builder.judge import Context, open_judge
from kg_builder.judge.features import FEATURES
from kg_builder.judge.model import REASONS, ModelJudge, shipped_model
from kg_builder.judge.train import Decided, read_examples, train_beside, train_judge
from kg_builder.model import Candidate, Page
from kg_builder.wikitext import parse_page
from strokemap.errors import JudgeMalformed
from strokemap.model import LinearModel
from strokemap.topic import Topic

TOPIC = Topic(name="tea", starting_terms=("Tea", "Teapot"), path_length=2)


def _pages(texts: dict[str, str]) -> tuple[Page, ...]:
    return tuple(parse_page(title, text, redirects=()) for title, text in sorted(texts.items()))


@pytest.fixture
def context() -> Context:
    starting = _pages(
        {
            "Tea": "Tea is [[tea leaf|leaves]] brewed in hot [[water]], poured from a [[teapot]] into a [[cup]].",
            "Teapot": "A teapot is a pot to brew [[tea leaf|leaves]] of [[tea]] in hot [[water]] for a [[cup]].",
        }
    )
    return Context(topic=TOPIC, starting=starting, accepted=starting)


@pytest.fixture
def candidates() -> list[Candidate]:
    pages = _pages(
        {
            "Green tea": "Green tea is [[tea]] of green [[tea leaf|leaves]], brewed in [[water]] in a [[teapot]].",
            "Leonhard Euler": "Leonhard Euler (1707 – 1783) was a [[mathematics|mathematician]], from 1727 in Russia.",
            "Uganda": "Uganda is a country of [[Africa]] on [[Lake Victoria]], a kingdom until 1966.",
        }
    )
    return [Candidate(page=page, path_length=1, evidence=()) for page in pages]


@pytest.fixture(scope="module")
def retrained() -> LinearModel:
    return train_judge()


def test_the_shipped_model_tells_the_topic_from_the_rest(context: Context, candidates: list[Candidate]) -> None:
    judgements = open_judge(TOPIC).judge(candidates, context=context)
    assert [(one.title, one.accepted) for one in judgements] == [
        ("Green tea", True),
        ("Leonhard Euler", False),
        ("Uganda", False),
    ]


def test_each_judgement_has_a_score_and_three_reasons(context: Context, candidates: list[Candidate]) -> None:
    for one in open_judge(TOPIC).judge(candidates, context=context):
        assert 0 <= one.score <= 1
        assert len(one.reasons) == REASONS
        assert len(set(one.reasons)) == REASONS


def test_reasons_back_the_decision(context: Context, candidates: list[Candidate]) -> None:
    accepted, rejected, _ = open_judge(TOPIC).judge(candidates, context=context)
    assert accepted.reasons[0] in {feature.speaks_for for feature in FEATURES}
    assert rejected.reasons[0] in {feature.speaks_against for feature in FEATURES}


def test_the_order_of_candidates_changes_no_judgement(context: Context, candidates: list[Candidate]) -> None:
    judge = open_judge(TOPIC)
    shuffled = list(candidates)
    random.Random(3).shuffle(shuffled)
    assert judge.judge(shuffled, context=context) == judge.judge(candidates, context=context)


def test_a_topic_may_set_its_own_threshold(context: Context, candidates: list[Candidate]) -> None:
    strict = open_judge(replace(TOPIC, threshold=1.0)).judge(candidates, context=context)
    lenient = open_judge(replace(TOPIC, threshold=0.0)).judge(candidates, context=context)
    assert not any(one.accepted for one in strict)
    assert all(one.accepted for one in lenient)


def test_a_feature_that_was_not_measured_speaks_neither_way(context: Context, candidates: list[Candidate]) -> None:
    model = shipped_model()
    heavy = tuple(
        100.0 if name == "categories_alike" else weight
        for name, weight in zip(model.features, model.coefficients, strict=True)
    )
    plain = ModelJudge(model).judge(candidates, context=context)
    weighted = ModelJudge(replace(model, coefficients=heavy)).judge(candidates, context=context)
    assert [one.score for one in weighted] == [one.score for one in plain]


def test_a_model_of_unknown_features_is_refused() -> None:
    model = shipped_model()
    with pytest.raises(JudgeMalformed, match="colour"):
        ModelJudge(replace(model, features=("colour", *model.features[1:])))


def test_another_model_has_another_name() -> None:
    model = shipped_model()
    assert ModelJudge(model).name == open_judge(TOPIC).name
    assert ModelJudge(replace(model, intercept=model.intercept + 1)).name != ModelJudge(model).name


@pytest.mark.parametrize(
    ("title", "sentences", "worth"),
    [
        ("Green tea", ["Green tea is tea."], True),
        ("Leonhard Euler", ["Euler drank tea."], False),
        ("Leonhard Euler", ["Euler drank tea.", "Nobody knew it."], True),
        ("Tea (Wider World)", ["A book on tea."], True),
        ("World Tea Party", ["The first of them was held in it."], False),
        ("Kettle", ["It was first made in 1893."], True),
        ("Kettle", [""], True),
    ],
)
def test_a_title_named_once_is_worth_reading_unless_it_is_a_proper_name(
    title: str, sentences: list[str], worth: bool
) -> None:
    assert open_judge(TOPIC).worth_reading(title, sentences) is worth
    for other in ("everything", "vocabulary"):
        assert open_judge(replace(TOPIC, judge=other)).worth_reading(title, sentences)


def test_everything_accepts_everything(context: Context, candidates: list[Candidate]) -> None:
    judge = open_judge(replace(TOPIC, judge="everything"))
    assert judge.name == "everything"
    assert all(one.accepted and one.score == 1.0 for one in judge.judge(candidates, context=context))


def test_the_vocabulary_rule_refuses_what_no_starting_term_names(context: Context, candidates: list[Candidate]) -> None:
    judgements = open_judge(replace(TOPIC, judge="vocabulary")).judge(candidates, context=context)
    assert [(one.title, one.accepted) for one in judgements] == [
        ("Green tea", False),
        ("Leonhard Euler", False),
        ("Uganda", False),
    ]


def test_the_vocabulary_rule_reads_whole_words_and_other_names(context: Context) -> None:
    pages = [
        Page(title="Teapots of China"),
        Page(title="Steapotable"),
        Page(title="Brewing vessel", redirects=("Tea pot", "Teapot (vessel)")),
    ]
    judge = open_judge(replace(TOPIC, judge="vocabulary"))
    found = judge.judge([Candidate(page=page, path_length=1, evidence=()) for page in pages], context=context)
    assert {one.title: one.accepted for one in found} == {
        "Brewing vessel": True,
        "Steapotable": False,
        "Teapots of China": True,
    }


def test_training_again_gives_the_shipped_model(retrained: LinearModel) -> None:
    shipped = shipped_model()
    assert retrained.trained_on == shipped.trained_on
    assert retrained.features == shipped.features
    assert retrained.threshold == shipped.threshold
    assert retrained.coefficients == pytest.approx(shipped.coefficients, abs=1e-4)
    assert (*retrained.means, *retrained.scales, retrained.intercept) == pytest.approx(
        (*shipped.means, *shipped.scales, shipped.intercept), abs=1e-4
    )
    assert dict(retrained.report) == pytest.approx(dict(shipped.report), abs=0.02)


def test_the_model_judges_topics_that_it_was_not_trained_on(retrained: LinearModel) -> None:
    assert retrained.report["auc"] > 0.85
    assert retrained.report["f1"] > 0.75
    assert retrained.report["calibration_error"] < 0.15


def test_the_examples_are_several_topics_none_of_them_the_one_we_ship() -> None:
    examples = read_examples()
    topics = {example.topic for example in examples}
    assert len(topics) >= 5
    assert not [example.title for example in examples if example.title.casefold() == "stroke"]
    assert len({(example.topic, example.title) for example in examples}) == len(examples)


def _decided(*, like: str, count: int = 12) -> list[Decided]:
    """Decisions by one feature: pages with much of it are near, or far, by turns."""
    return [
        Decided(title=f"Page {n}", near=n % 2 == 0, values={like: 2.0 if n % 2 == 0 else -2.0}) for n in range(count)
    ]


def test_decisions_change_the_model_and_its_digest(retrained: LinearModel) -> None:
    taught = train_judge(decided=_decided(like="opening_alike"))
    column = taught.features.index("opening_alike")
    assert taught.trained_on != retrained.trained_on
    assert taught.coefficients[column] > retrained.coefficients[column]
    assert taught.report["examples"] == retrained.report["examples"] + 12


def test_a_model_that_decisions_made_better_is_told_from_a_worse_one(retrained: LinearModel) -> None:
    decided = _decided(like="opening_alike")
    flipped = replace(retrained, coefficients=tuple(-one for one in retrained.coefficients))
    assert not train_beside(flipped, decided=decided).worse
    certain = replace(retrained, coefficients=tuple(100 * one for one in retrained.coefficients))
    assert train_beside(certain, decided=decided).worse


def test_the_same_model_again_is_no_worse(retrained: LinearModel) -> None:
    again = train_beside(retrained, decided=())
    assert not again.worse
    assert again.model == retrained


def test_the_report_says_of_how_many_pages_scored_alike_how_many_are_near(retrained: LinearModel) -> None:
    report = retrained.report
    pages = {name: value for name, value in report.items() if name.endswith("_pages")}
    assert sum(pages.values()) == report["examples"]
    shares = [report[name.replace("_pages", "_near")] for name in sorted(pages)]
    assert shares == sorted(shares)
    assert 0 < report["brier"] < 0.2


def test_judging_does_not_import_scikit_learn() -> None:
    code = "import sys; from kg_builder.judge import model; model.shipped_model(); sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
