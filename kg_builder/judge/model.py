"""The judge that ships: measured features, weighed by a logistic model, with its reasons in plain words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files

from kg_builder.judge.base import Context
from kg_builder.judge.features import FEATURES, is_proper, measure
from kg_builder.model import Candidate, Judgement
from strokemap.errors import JudgeMalformed
from strokemap.model import LinearModel, format_model, parse_model

REASONS = 3
_WORDING = {feature.name: (feature.speaks_for, feature.speaks_against) for feature in FEATURES}


class ModelJudge:
    """Accepts what the model scores at the threshold or above. Errors: JudgeMalformed for a model of other features."""

    def __init__(self, model: LinearModel, *, threshold: float | None = None) -> None:
        unknown = sorted(set(model.features) - set(_WORDING))
        if unknown:
            raise JudgeMalformed(
                f"The judge's model uses a feature that is not known here: {unknown[0]}.",
                hint="Train it again with this version: strokemap judge train.",
                where=model.name,
            )
        self._model = model
        self._threshold = model.threshold if threshold is None else threshold
        self._means = dict(zip(model.features, model.means, strict=True))

    @property
    def name(self) -> str:
        """``model`` and the beginning of the digest of its file: another model makes another build."""
        return f"model {hashlib.sha256(format_model(self._model).encode()).hexdigest()[:12]}"

    def worth_reading(self, title: str, sentences: Sequence[str]) -> bool:
        """Pass over a proper name of several words that one sentence mentions: a person, a place, a trial or a work."""
        return len(sentences) > 1 or not is_proper(title)

    def judge(self, candidates: Sequence[Candidate], *, context: Context) -> list[Judgement]:
        """Measure and weigh all candidates of one path length against each other and the topic."""
        measured = measure(candidates, context=context)
        return [self._judge(title, values) for title, values in measured.items()]

    def _judge(self, title: str, measured: Mapping[str, float]) -> Judgement:
        # A feature that this wiki can't give takes the examples' mean, so that it speaks neither for nor against.
        values = self._means | {name: value for name, value in measured.items() if name in self._means}
        score = self._model.score(values)
        accepted = score >= self._threshold
        reasons = _reasons(self._model.contributions(values), accepted=accepted)
        return Judgement(title=title, accepted=accepted, score=score, reasons=reasons)


def shipped_model() -> LinearModel:
    """Read the model that comes with Strokemap."""
    file = files("kg_builder.judge") / "model.json"
    return parse_model(file.read_text(encoding="utf-8"), where="kg_builder/judge/model.json")


def _reasons(contributions: Mapping[str, float], *, accepted: bool) -> tuple[str, ...]:
    """Word the strongest contributions: those for what was decided, then, to make up the number, those against it."""
    parts = {name: round(part if accepted else -part, 9) for name, part in contributions.items()}
    backing = sorted((name for name, part in parts.items() if part > 0), key=lambda name: (-parts[name], name))
    opposed = sorted((name for name, part in parts.items() if part < 0), key=lambda name: (parts[name], name))
    worded = [_WORDING[name][0 if accepted else 1] for name in backing]
    worded += [_contrary(_WORDING[name][1 if accepted else 0]) for name in opposed]
    return tuple(worded[:REASONS])


def _contrary(reason: str) -> str:
    return f"Even so: {reason[0].lower()}{reason[1:]}"
