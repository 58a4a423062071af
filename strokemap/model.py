"""The one file format of small models: coefficients by feature name as JSON, never a pickle."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from strokemap.errors import FormatUnknown

FORMAT = "strokemap-model-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearModel:
    """A logistic model over named features, each standardised with the mean and scale of its training examples."""

    name: str
    features: tuple[str, ...]
    coefficients: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    intercept: float
    threshold: float
    trained_on: str
    """SHA-256 of the training examples."""
    report: Mapping[str, float]
    """What the training measured by cross-validation."""

    def contributions(self, values: Mapping[str, float]) -> dict[str, float]:
        """Give each feature's part of the log-odds. Raises KeyError where a feature is missing."""
        return {
            name: coefficient * (values[name] - mean) / scale
            for name, coefficient, mean, scale in zip(
                self.features, self.coefficients, self.means, self.scales, strict=True
            )
        }

    def score(self, values: Mapping[str, float]) -> float:
        """Give the probability, rounded to 9 places so that it is the same on every machine."""
        odds = self.intercept + math.fsum(self.contributions(values).values())
        return round(1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, odds)))), 9)


def format_model(model: LinearModel) -> str:
    """Write a model as JSON text."""
    fields = {"format": FORMAT} | {name: getattr(model, name) for name in LinearModel.__dataclass_fields__}
    return json.dumps(fields, indent=1, sort_keys=True, default=dict) + "\n"


def parse_model(text: str, *, where: str) -> LinearModel:
    """Read a model. Errors: FormatUnknown where the text is not one of this version."""
    try:
        fields = json.loads(text)
        if fields.pop("format") != FORMAT:
            raise ValueError
        return LinearModel(
            name=str(fields.pop("name")),
            features=tuple(fields.pop("features")),
            coefficients=tuple(map(float, fields.pop("coefficients"))),
            means=tuple(map(float, fields.pop("means"))),
            scales=tuple(map(float, fields.pop("scales"))),
            **fields,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise FormatUnknown(f"This is not a model of format {FORMAT}.", hint="Train it again.", where=where) from None
