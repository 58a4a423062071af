"""The file of weights."""

from __future__ import annotations

from importlib.resources import files

import pytest

from recommend.weights import FEATURES, Weights, parse_weights
from search.article import KINDS, Article
from strokemap.errors import RulesInvalid

SHIPPED = files("recommend").joinpath("weights.toml").read_text(encoding="utf-8")


def test_shipped_weights_name_every_feature_and_kind(weights: Weights) -> None:
    assert tuple(weights.features) == FEATURES
    assert sum(weights.features.values()) == pytest.approx(1)
    assert set(KINDS) <= set(weights.kinds["every stage"])


def test_value_of_a_kind_depends_on_the_stage_and_on_the_title(weights: Weights) -> None:
    do = Article(id="lib:do", title="Practise at home", text="", kind="do")
    trial = Article(id="lib:trial", title="What clinical trials are there?", text="", kind="understand")
    assert weights.of_kind(do, stage="acute") < weights.of_kind(do, stage="early")
    assert weights.of_kind(trial, stage="early") == 0


def test_unknown_kind_has_the_value_of_other_kinds(weights: Weights) -> None:
    other = Article(id="lib:other", title="Something", text="", kind="poem")
    assert weights.of_kind(other, stage="late") == weights.kinds["every stage"][""]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (SHIPPED, "", "w.toml"),
        (SHIPPED, "]", "w.toml"),
        ("strokemap-weights-1", "strokemap-weights-2", "w.toml"),
        ("about = 0.42", "about = 0.43", "w.toml: features"),
        ("about = 0.42", "subject = 0.42", "w.toml: features"),
        ("about = 0.42", 'about = "much"', "w.toml: features"),
        ("per_need = 3", "per_need = -3", "w.toml: limits"),
        ("per_need = 3", "per_need = true", "w.toml: limits"),
        ("alike = 0.7", "", "w.toml: limits"),
        ("[kinds.acute]", "[kinds.soon]", "w.toml: kinds"),
        ('"" = 0.5', "", "w.toml: kinds"),
        ("do = 0.5", "do = 5", "w.toml: kinds.acute"),
        ("research = 0.0", "research = 2", "w.toml: titles"),
    ],
)
def test_malformed_weights_are_refused_by_table(old: str, new: str, where: str) -> None:
    assert old in SHIPPED
    with pytest.raises(RulesInvalid) as caught:
        parse_weights(SHIPPED.replace(old, new), where="w.toml")
    assert caught.value.where == where
