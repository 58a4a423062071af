"""Training of the judge on written examples; the only file that needs scikit-learn.

The examples are small invented wikis, a few dozen pages each: a topic's starting pages, pages near it and pages far
from it, all written for Strokemap from general knowledge. They are judged as a crawl would judge them, path length by
path length along the near pages. Only coefficients come from them, and all coefficients come only from them. Which
features there are, the threshold, the regularisation and how far features of written pages are believed was chosen on
real pages: half of a table of labelled titles (SHA-256 begins with an even byte; the other half measures), and the
neighbourhoods of seven other topics, labelled by us. What curators decided is learnt from beside the examples.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score

from kg_builder.judge.base import Context
from kg_builder.judge.features import FEATURES, measure
from kg_builder.judge.vectors import Floats
from kg_builder.model import Candidate, Evidence, Page, titles_by_name
from kg_builder.wikitext import parse_page
from strokemap.model import LinearModel
from strokemap.topic import Topic

THRESHOLD = 0.33
REGULARISATION = 0.03
"""Strong: a few hundred short pages can't tell fine weights."""
BELIEVED_BY_HALF = frozenset(
    ("opening_alike", "names_starting", "links_to_starting", "proper_name", "years_in_opening")
)
"""Short written pages keep to their subject, or to lives and dates, more strictly than real ones do."""
PATH_LENGTH = 2
PLACES = 6
BINS, FOLDS = 5, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One page of an example wiki; ``label`` is what it is to its topic: starting, near or far."""

    topic: str
    label: str
    title: str
    other_names: tuple[str, ...]
    wikitext: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A real page that a curator accepted (near) or rejected, with its features as far as they could be measured."""

    title: str
    near: bool
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A new model, and its Brier score beside that of the model in force: on what was decided, if anything was."""

    model: LinearModel
    brier: float
    brier_in_force: float

    @property
    def worse(self) -> bool:
        """Tell whether the model in force should stay."""
        return self.brier > self.brier_in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """The features of all that is learnt from, NaN where not measured; what is held out together shares a topic."""

    topics: NDArray[np.str_]
    near: NDArray[np.bool_]
    values: Floats
    weights: Floats
    """1 for examples. Curators mostly reject: their acceptances and rejections weigh as the examples' labels do."""


def train_judge(*, decided: Sequence[Decided] = (), without: Collection[str] = ()) -> LinearModel:
    """Train on the shipped examples and on decisions; report what cross-validation shows.

    Each topic of the examples, and each fifth of the decisions, is held out in turn. Deterministic: the same examples
    and decisions give the same model. Features ``without`` get no weight.
    """
    return _train(decided, without=without)[0]


def train_beside(in_force: LinearModel, *, decided: Sequence[Decided]) -> Trained:
    """Train on examples and decisions and set the result beside the model in force.

    The new model is scored on decisions that it was not shown; the one in force may have been shown some of them, which
    favours it. Without decisions what both models' own cross-validations report is compared.
    """
    model, near, held_out = _train(decided)
    if not decided:
        old = in_force.report.get("brier", 1.0)
        return Trained(model=model, brier=model.report["brier"], brier_in_force=old)
    here = slice(-len(decided), None)
    means = dict(zip(in_force.features, in_force.means, strict=True))
    known = [{name: value for name, value in one.values.items() if name in means} for one in decided]
    weights = _weigh(decided, share=float(np.mean(near[: -len(decided)])))
    old_scores = np.array([in_force.score(means | values) for values in known])
    brier, brier_in_force = (_brier(near[here], scores, weights=weights) for scores in (held_out[here], old_scores))
    return Trained(model=model, brier=brier, brier_in_force=brier_in_force)


def _train(
    decided: Sequence[Decided], *, without: Collection[str] = ()
) -> tuple[LinearModel, NDArray[np.bool_], Floats]:
    """Give the model, and for each example and then each decision what it is and its held-out score."""
    examples = read_examples()
    table = _with_decided(_measure(examples), decided)
    for column, feature in enumerate(FEATURES):
        if feature.name in without:
            table.values[:, column] = np.nan
    held_out = _held_out(table)
    digest, report = _digest(examples, decided), _report(table, held_out)
    return _fit(table, trained_on=digest, report=report), table.near, held_out


def _with_decided(table: _Table, decided: Sequence[Decided]) -> _Table:
    folds = [f"decided {hashlib.sha256(one.title.encode()).digest()[0] % FOLDS}" for one in decided]
    values = [[one.values.get(feature.name, math.nan) for feature in FEATURES] for one in decided]
    return _Table(
        topics=np.array([*table.topics, *folds]),
        near=np.array([*table.near, *(one.near for one in decided)], dtype=np.bool_),
        values=np.vstack([table.values, *([values] if values else [])]),
        weights=np.array([*table.weights, *_weigh(decided, share=float(np.mean(table.near)))]),
    )


def _weigh(decided: Sequence[Decided], *, share: float) -> list[float]:
    accepted = sum(one.near for one in decided)
    if accepted in (0, len(decided)):
        return [1.0] * len(decided)
    near, far = share * len(decided) / accepted, (1 - share) * len(decided) / (len(decided) - accepted)
    return [near if one.near else far for one in decided]


def _held_out(table: _Table) -> Floats:
    """Give each row's score by a model that has not seen its topic or fold."""
    held_out = np.zeros(len(table.near))
    for topic in sorted(set(table.topics)):
        rest, tested = table.topics != topic, table.topics == topic
        fitted = _fit(table, only=rest, trained_on="", report={})
        values = np.where(np.isnan(table.values[tested]), np.array(fitted.means), table.values[tested])
        held_out[tested] = [fitted.score(dict(zip(fitted.features, row, strict=True))) for row in values]
    return held_out


def read_examples() -> tuple[Example, ...]:
    """Read the shipped examples."""
    text = (files("kg_builder.judge") / "examples.jsonl").read_text(encoding="utf-8")
    pages = (json.loads(line) for line in text.splitlines())
    return tuple(Example(**(page | {"other_names": tuple(page["other_names"])})) for page in pages)


def _digest(examples: Sequence[Example], decided: Sequence[Decided]) -> str:
    items: tuple[Example | Decided, ...] = (*examples, *decided)
    text = "\n".join(json.dumps(asdict(item), sort_keys=True, default=dict) for item in items)
    return hashlib.sha256(text.encode()).hexdigest()


def _measure(examples: Sequence[Example]) -> _Table:
    rows: list[tuple[str, bool, list[float]]] = []
    for topic in sorted({example.topic for example in examples}):
        labels = {example.title: example.label for example in examples if example.topic == topic}
        pages = {
            example.title: parse_page(example.title, example.wikitext, redirects=example.other_names)
            for example in examples
            if example.topic == topic
        }
        for candidates, context in _levels(topic, pages=pages, labels=labels):
            for title, values in measure(candidates, context=context).items():
                rows.append((topic, labels[title] == "near", [values.get(one.name, math.nan) for one in FEATURES]))
    return _Table(
        topics=np.array([topic for topic, _, _ in rows]),
        near=np.array([near for _, near, _ in rows], dtype=np.bool_),
        values=np.array([values for _, _, values in rows]),
        weights=np.ones(len(rows)),
    )


def _levels(
    topic: str, *, pages: Mapping[str, Page], labels: Mapping[str, str]
) -> Iterator[tuple[list[Candidate], Context]]:
    """Give what a crawl with perfect judgements would judge, then what no near page links to."""
    titles = titles_by_name(pages.values())
    starting = sorted(title for title, label in labels.items() if label == "starting")
    accepted, judged, linking = set(starting), set(starting), starting
    for path_length in range(1, PATH_LENGTH + 2):
        evidence: dict[str, list[Evidence]] = {}
        for source in linking:
            for found in pages[source].evidence(titles):
                if found.target not in judged:
                    evidence.setdefault(found.target, []).append(found)
        reached = set(evidence) if path_length <= PATH_LENGTH else set(pages) - judged
        candidates = [
            Candidate(page=pages[title], path_length=path_length, evidence=tuple(evidence.get(title, ())))
            for title in sorted(reached)
        ]
        context = Context(
            topic=Topic(name=topic, starting_terms=tuple(starting), path_length=PATH_LENGTH),
            starting=tuple(pages[title] for title in starting),
            accepted=tuple(pages[title] for title in sorted(accepted)),
        )
        if candidates:
            yield candidates, context
        judged |= reached
        linking = sorted(title for title in reached if labels[title] == "near")
        accepted |= set(linking)


def _fit(
    table: _Table, *, only: NDArray[np.bool_] | None = None, trained_on: str, report: Mapping[str, float]
) -> LinearModel:
    rows = np.ones(len(table.near), dtype=np.bool_) if only is None else only
    values = table.values[rows]
    counts = np.maximum(1, np.sum(~np.isnan(values), axis=0))  # a feature may be measured in no example at all
    means = np.nansum(values, axis=0) / counts
    scales = np.sqrt(np.nansum((values - means) ** 2, axis=0) / counts)
    scales = np.where(scales > 0, scales, 1.0)
    belief = np.array([0.5 if feature.name in BELIEVED_BY_HALF else 1.0 for feature in FEATURES])
    fitted = LogisticRegression(C=REGULARISATION).fit(
        np.nan_to_num((values - means) / scales) * belief, table.near[rows], sample_weight=table.weights[rows]
    )
    return LinearModel(
        name="judge",
        features=tuple(feature.name for feature in FEATURES),
        coefficients=_rounded(fitted.coef_[0] * belief),
        means=_rounded(means),
        scales=_rounded(scales),
        intercept=_rounded(fitted.intercept_)[0],
        threshold=THRESHOLD,
        trained_on=trained_on,
        report=report,
    )


def _brier(near: NDArray[np.bool_], scores: Floats, *, weights: Sequence[float] | None = None) -> float:
    return round(float(np.average((scores - near) ** 2, weights=weights)), 4)


def _rounded(values: Floats) -> tuple[float, ...]:
    return tuple(round(float(value), PLACES) for value in values)


def _report(table: _Table, scores: Floats) -> dict[str, float]:
    """Measure the held-out scores: how well they rank, and whether of those scored .3 three in ten are near."""
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    gaps = [abs(float(np.sum(scores[bins == one] - table.near[bins == one]))) for one in range(BINS)]
    reliability = {}
    for one in sorted(set(bins.tolist())):
        name = f"scored_{one / BINS:.1f}_to_{(one + 1) / BINS:.1f}"
        reliability[f"{name}_pages"] = float(np.sum(bins == one))
        reliability[f"{name}_near"] = round(float(np.mean(table.near[bins == one])), 4)
    return reliability | {
        "examples": float(len(scores)),
        "near": float(np.sum(table.near)),
        "topics": float(len(set(table.topics))),
        "auc": round(float(roc_auc_score(table.near, scores)), 4),
        "f1": round(float(f1_score(table.near, scores >= THRESHOLD)), 4),
        "brier": _brier(table.near, scores),
        "calibration_error": round(math.fsum(gaps) / len(scores), 4),
    }
