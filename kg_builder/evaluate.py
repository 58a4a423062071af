"""How good a map is against labelled titles, beside what a perfect judge and two plain rules would give.

Scored are the titles that the table labels 1 or 0, the starting terms left out. The source is walked once along all
links up to the path length, and each rule is then played on that graph. The **ceiling** follows only pages labelled 1,
so that a table of only some pages gives less than a perfect judge could reach. The **vocabulary** rule knows the
starting terms and their other names, read generously (judge/rules.py). Intervals of 95 % are bootstrapped over titles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kg_builder.crawl import BATCH, no_starting_terms
from kg_builder.judge.rules import find_in, vocabulary_of
from kg_builder.model import Build, Page
from kg_builder.sources.base import PageSource
from kg_builder.titles import is_subject
from strokemap.errors import LabelsMalformed, TopicInvalid
from strokemap.progress import Progress
from strokemap.reading import read_lines
from strokemap.topic import Topic

RESAMPLES, SEED = 5000, 20211
_VALUES = {"1": True, "0": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Which titles belong to the map, by one column of a table; titles without a label are left out."""

    column: str
    belongs: Mapping[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Precision, recall and F1 of one way to choose terms, each with its 95 % interval."""

    precision: float
    recall: float
    f1: float
    precision_interval: tuple[float, float]
    recall_interval: tuple[float, float]
    f1_interval: tuple[float, float]
    accepted: int
    """Terms chosen, labelled or not, starting terms left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapEvaluation:
    """A build's measures beside the ceiling, the path length alone and the vocabulary rule."""

    column: str
    scored: int
    terms: int
    build: Measured
    ceiling: Measured
    path_length_only: Measured
    vocabulary: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class _Graph:
    """What the source has within the path length: names and followable targets of each page."""

    starting: tuple[Page, ...]
    names: Mapping[str, tuple[str, ...]]
    targets: Mapping[str, tuple[str, ...]]


def read_labels(path: Path, *, column: str) -> Labels:
    """Read a TSV with ``title`` and columns of 1, 0 or empty. Errors: InputMissing, LabelsMalformed with file:line."""
    lines = read_lines(path, what="file of labels", wanted="a TSV file", malformed=LabelsMalformed)
    header = lines[0].split("\t") if lines else []
    for needed in ("title", column):
        if needed not in header:
            raise LabelsMalformed(
                f"The table of labels has no column “{needed}”.",
                hint=f"Its first line names: {', '.join(header) or 'nothing'}.",
                where=f"{path}:1",
            )
    belongs: dict[str, bool] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        cells = dict(zip(header, line.split("\t"), strict=False))
        title, value = cells["title"].strip(), cells.get(column, "").strip()
        if not title or value not in ("", *_VALUES):
            problem = "lacks a title or has a label other than 1, 0 or empty"
        elif value and belongs.setdefault(title, _VALUES[value]) is not _VALUES[value]:
            problem = "contradicts an earlier label of the same title"
        else:
            continue
        where = f"{path}:{number}"
        raise LabelsMalformed(f"A line of the labels {problem}.", hint="Correct the line.", where=where)
    return Labels(column=column, belongs=belongs)


def evaluate_map(
    build: Build, *, topic: Topic, labels: Labels, source: PageSource, progress: Progress
) -> MapEvaluation:
    """Score a build against labels. Reads the source's pages within the build's path length; keeps no text of them.

    Errors: TopicInvalid for another topic than the build's, StartingTermsMissing, LabelsMalformed where no label is
    left to score, and what the source raises.
    """
    if topic.name != build.topic.name:
        raise TopicInvalid(
            f"The map to be measured is of the topic “{build.topic.name}”, not “{topic.name}”.",
            hint="Give the topic that the map was made with, or publish a build of this one.",
            where="--topic",
        )
    graph = _walk(topic, path_length=build.topic.path_length, source=source, progress=progress)
    left_out = {name for page in graph.starting for name in page.names} | set(topic.starting_terms)
    scored = {title: value for title, value in labels.belongs.items() if title not in left_out}
    if not any(scored.values()):
        raise LabelsMalformed(
            f"No title but starting terms is labelled 1 in the column “{labels.column}”.",
            hint="Give a table that labels pages of this topic.",
            where=labels.column,
        )
    vocabulary = vocabulary_of(graph.starting, terms=topic.starting_terms)
    chosen = {term.title: term.other_names for term in build.terms if term.title not in left_out}

    def played(rule: Callable[[str], bool]) -> Measured:
        followed = _follow(graph, rule=rule, path_length=build.topic.path_length)
        return score(followed, accepted=len(followed), scored=scored)

    return MapEvaluation(
        column=labels.column,
        scored=len(scored),
        terms=len(build.terms),
        build=score(
            {*chosen, *(name for names in chosen.values() for name in names)}, accepted=len(chosen), scored=scored
        ),
        ceiling=played(lambda title: scored.get(title, False)),
        path_length_only=played(lambda title: True),  # noqa: ARG005
        vocabulary=played(lambda title: bool(find_in(graph.names[title], vocabulary))),
    )


def map_document(found: MapEvaluation) -> dict[str, object]:
    """Give the evaluation as the JSON document that the command prints."""
    return _document(found.build) | {
        "ceiling": _document(found.ceiling),
        "path_length_only": _document(found.path_length_only),
        "vocabulary": _document(found.vocabulary),
        "terms": found.terms,
        "label": found.column,
        "scored": found.scored,
    }


def format_map_table(found: MapEvaluation) -> str:
    """Give the evaluation as a table to read."""
    rows = {
        "this map": found.build,
        "perfect judge": found.ceiling,
        "path length alone": found.path_length_only,
        "vocabulary rule": found.vocabulary,
    }
    lines = [f"{'':18}{'accepted':>9}  {'precision':<16}{'recall':<16}{'F1':<16}"]
    for name, row in rows.items():
        cells = (
            f"{value:.2f} ({low:.2f}–{high:.2f})"
            for value, (low, high) in (
                (row.precision, row.precision_interval),
                (row.recall, row.recall_interval),
                (row.f1, row.f1_interval),
            )
        )
        lines.append(f"{name:18}{row.accepted:>9}  " + "".join(f"{cell:<16} " for cell in cells).rstrip())
    lines.append(f"{found.scored} titles labelled in the column “{found.column}”, 95 % intervals; {found.terms} terms")
    return "\n".join(lines)


def _walk(topic: Topic, *, path_length: int, source: PageSource, progress: Progress) -> _Graph:
    """Follow every link from the starting terms; targets are resolved titles of pages that can be terms."""
    starting: list[Page] = []
    resolved: dict[str, str | None] = {}
    names: dict[str, tuple[str, ...]] = {}
    wanted: dict[str, tuple[str, ...]] = {}
    asked = sorted(topic.starting_terms)
    for length in range(path_length + 1):
        linking: list[str] = []
        for begin in range(0, len(asked), BATCH):
            progress(f"walking all links, path length {length}", begin, len(asked))
            fetched = source.fetch(asked[begin : begin + BATCH])
            resolved |= fetched.resolved
            for page in fetched.pages:
                if page.title in wanted or page.disambiguation or (length and not is_subject(page.title)):
                    continue
                names[page.title] = page.names
                wanted[page.title] = tuple(dict.fromkeys(mention.target for mention in page.mentions))
                linking.append(page.title)
                if not length:
                    starting.append(page)
        progress(f"walking all links, path length {length}", len(asked), len(asked))
        asked = sorted({target for title in linking for target in wanted[title]} - set(resolved))
    if not starting:
        raise no_starting_terms(topic, source=source)
    targets = {
        title: tuple(to for target in found if (to := resolved.get(target)) is not None and to in names)
        for title, found in wanted.items()
    }
    return _Graph(starting=tuple(starting), names=names, targets=targets)


def _follow(graph: _Graph, *, rule: Callable[[str], bool], path_length: int) -> set[str]:
    """Give the titles that a rule accepts, followed along accepted ones only, the starting ones left out."""
    starting = {page.title for page in graph.starting}
    accepted, judged, linking = set[str](), set(starting), starting
    for _ in range(path_length):
        reached = {target for title in linking for target in graph.targets[title]} - judged
        judged |= reached
        linking = {title for title in reached if rule(title)}
        accepted |= linking
    return accepted


def score(chosen: Iterable[str], *, accepted: int, scored: Mapping[str, bool]) -> Measured:
    """Score the chosen titles; ``accepted`` is how many terms they stand for, labelled or not."""
    found = set(chosen)
    right = sum(belongs and title in found for title, belongs in scored.items())
    wrong = sum(not belongs and title in found for title, belongs in scored.items())
    missed = sum(belongs and title not in found for title, belongs in scored.items())
    counts = np.array([right, wrong, missed, len(scored) - right - wrong - missed], dtype=np.float64)
    drawn = np.random.default_rng(SEED).multinomial(len(scored), counts / len(scored), size=RESAMPLES)
    low, high = np.percentile(_rates(drawn.astype(np.float64)), [2.5, 97.5], axis=0)
    intervals = [(round(float(a), 4), round(float(b), 4)) for a, b in zip(low, high, strict=True)]
    precision, recall, f1 = (round(float(rate), 4) for rate in _rates(counts[np.newaxis])[0])
    return Measured(
        precision=precision,
        recall=recall,
        f1=f1,
        precision_interval=intervals[0],
        recall_interval=intervals[1],
        f1_interval=intervals[2],
        accepted=accepted,
    )


def _rates(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give precision, recall and F1 of each line of right, wrong, missed and rest; 0 where nothing was chosen."""
    right, wrong, missed, _ = counts.T
    rates = ((right, right + wrong), (right, right + missed), (2 * right, 2 * right + wrong + missed))
    return np.stack([part / np.maximum(1.0, whole) for part, whole in rates], axis=1)


def _document(row: Measured) -> dict[str, object]:
    rates = ("precision", "recall", "f1")
    document: dict[str, object] = {rate: getattr(row, rate) for rate in rates}
    return document | {
        "interval": {rate: list(getattr(row, f"{rate}_interval")) for rate in rates},
        "accepted": row.accepted,
    }
