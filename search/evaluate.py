"""How well search finds what judges found relevant, without and with expansion: measures, changes, chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kg_builder.projection import Projection
from search.answer import understand
from search.article import LIBRARY
from search.bench import Bench, Judgements
from search.expand import Chosen, Expansion
from search.gate import Gate
from search.linker import Linked
from search.query import Query, read_words
from search.retrieve import WeightedQuery, rank, weigh
from strokemap.errors import HomeUnwritable
from strokemap.progress import Progress

DEPTH = 100
MARGIN = 0.02
"""A query is helped or hurt when its nDCG@10 moves by more than this."""
PERMUTATIONS = 10_000
_SEED = 20_210_601
MEASURES = ("nDCG@10", "R@10", "R@100", "RR@10")

Hits = dict[str, float]
Run = dict[str, Hits]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one run changed against another, over the same queries."""

    gains: Mapping[str, float]
    """By query, in nDCG@10."""
    helped: int
    hurt: int
    unchanged: int
    p: float
    """Two-sided paired randomisation test on nDCG@10, with a fixed seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalEvaluation:
    """What was measured over the judged queries. Without a map ``expanded`` and ``change`` are None."""

    queries: int
    linked: int
    """Queries in which a term of the map was named."""
    acted: int
    """Queries to which something was added."""
    baseline: Mapping[str, float]
    expanded: Mapping[str, float] | None
    change: Change | None


def evaluate_retrieval(
    bench: Bench, *, projection: Projection | None, gate: Gate, progress: Progress, runs: Path | None = None
) -> RetrievalEvaluation:
    """Search a collection for each judged query and measure; ``projection=None`` measures the own words alone.

    ``runs`` gets the runs in TREC's format and the gain of each query. Errors: HomeUnwritable.
    """
    baseline, expanded, linked, acted = Run(), Run(), 0, 0
    for count, (id, text) in enumerate(bench.queries.items(), start=1):
        named, plain, expansion, wide = interpret(text, bench=bench, projection=projection, gate=gate)
        baseline[id] = expanded[id] = search_bench(plain, bench=bench)
        if expansion.terms:
            expanded[id] = search_bench(wide, bench=bench)
        linked, acted = linked + bool(named.terms), acted + bool(expansion.terms)
        progress("searching", count, len(bench.queries))
    change = None if projection is None else compare(bench.judgements, baseline, expanded)
    if runs is not None:
        found = {"words": baseline} if change is None else {"words": baseline, "expanded": expanded}
        write_runs(found, gains={} if change is None else change.gains, folder=runs)
    return RetrievalEvaluation(
        queries=len(bench.queries),
        linked=linked,
        acted=acted,
        baseline=means(measure(bench.judgements, baseline)),
        expanded=None if change is None else means(measure(bench.judgements, expanded)),
        change=change,
    )


def interpret(
    text: str, *, bench: Bench, projection: Projection | None, gate: Gate
) -> tuple[Linked, WeightedQuery, Expansion, WeightedQuery]:
    """Give what a query names, its words alone, what is added, and both together."""
    words = read_words(Query(text=text))
    linked, expansion = Linked(excluded=words.excluded), Expansion()
    if projection is not None:
        linked, expansion = understand(
            words,
            chosen=Chosen(),
            audience="clinician",
            projection=projection,
            index=bench.index,
            pages=bench.pages,
            gate=gate,
        )
    plain = weigh(words, linked=linked, expansion=Expansion())
    return linked, plain, expansion, weigh(words, linked=linked, expansion=expansion)


def search_bench(weighted: WeightedQuery, *, bench: Bench) -> Hits:
    """Give the ids of the best documents; falling numbers instead of scores keep ties as search orders them."""
    found = rank(weighted, index=bench.index, limit=DEPTH)
    return {id.removeprefix(LIBRARY): float(DEPTH - place) for place, (id, _) in enumerate(found)}


def measure(judgements: Judgements, run: Run) -> dict[str, dict[str, float]]:
    """Give each query's measures under their ir-measures names; a query that found nothing has zeros."""
    import ir_measures

    measures = [ir_measures.parse_measure(name) for name in MEASURES]
    found = {id: dict.fromkeys(MEASURES, 0.0) for id in judgements}
    for metric in ir_measures.iter_calc(measures, judgements, {id: hits for id, hits in run.items() if hits}):
        found[metric.query_id][str(metric.measure)] = float(metric.value)
    return found


def means(by_query: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Give the mean of each measure over the queries."""
    return {name: sum(found[name] for found in by_query.values()) / len(by_query) for name in MEASURES}


def compare(judgements: Judgements, before: Run, after: Run) -> Change:
    """Give what ``after`` changed."""
    old, new = measure(judgements, before), measure(judgements, after)
    gains = {id: new[id]["nDCG@10"] - old[id]["nDCG@10"] for id in judgements}
    helped, hurt = (sum(sign * gain > MARGIN for gain in gains.values()) for sign in (1, -1))
    p = randomisation_p(list(gains.values()))
    return Change(gains=gains, helped=helped, hurt=hurt, unchanged=len(gains) - helped - hurt, p=p)


def randomisation_p(changes: Sequence[float]) -> float:
    """Give how often random signs move the mean as far as it moved: a two-sided paired randomisation test."""
    from scipy.stats import permutation_test

    moved = [change for change in changes if change]
    if len(moved) < 2:
        # One change alone might as well have gone the other way.
        return 1.0
    test = permutation_test((moved,), np.sum, permutation_type="samples", n_resamples=PERMUTATIONS, random_state=_SEED)
    return float(test.pvalue)


def write_runs(runs: Mapping[str, Run], *, gains: Mapping[str, float], folder: Path) -> None:
    """Write each run as ``<name>.run`` in TREC's columns, and the gains as ``gains.tsv``. Errors: HomeUnwritable."""
    files = {
        f"{name}.run": [
            f"{query} Q0 {id} {place} {score:g} {name}"
            for query, hits in run.items()
            for place, (id, score) in enumerate(hits.items(), start=1)
        ]
        for name, run in runs.items()
    }
    files["gains.tsv"] = ["query\tgain", *(f"{query}\t{gain:.6f}" for query, gain in gains.items())]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, lines in files.items():
            (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        message = f"The runs can't be written: {error.strerror or 'unknown reason'}."
        raise HomeUnwritable(message, hint="Check the folder.", where=str(folder)) from None
