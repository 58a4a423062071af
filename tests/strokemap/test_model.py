import math

import pytest

from strokemap.errors import FormatUnknown
from strokemap.model import LinearModel, format_model, parse_model


@pytest.fixture
def model() -> LinearModel:
    return LinearModel(
        name="test",
        features=("a", "b"),
        coefficients=(2.0, -1.0),
        means=(0.5, 0.0),
        scales=(0.5, 2.0),
        intercept=0.25,
        threshold=0.5,
        trained_on="0" * 64,
        report={"auc": 0.9},
    )


def test_model_survives_writing_and_reading(model: LinearModel) -> None:
    assert parse_model(format_model(model), where="model.json") == model


def test_score_is_the_logistic_of_the_contributions(model: LinearModel) -> None:
    odds = 0.25 + 2.0 * (1.0 - 0.5) / 0.5 - 1.0 * 4.0 / 2.0
    assert model.score({"a": 1.0, "b": 4.0}) == pytest.approx(1 / (1 + math.exp(-odds)), abs=1e-9)
    assert model.contributions({"a": 1.0, "b": 4.0}) == {"a": 2.0, "b": -2.0}


def test_missing_feature_is_not_taken_for_zero(model: LinearModel) -> None:
    with pytest.raises(KeyError):
        model.score({"a": 1.0})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "strokemap-model-2"}', '{"format": "strokemap-model-1"}'])
def test_foreign_or_incomplete_file_is_refused(text: str) -> None:
    with pytest.raises(FormatUnknown) as caught:
        parse_model(text, where="model.json")
    assert caught.value.where == "model.json"
