"""How well search finds what judges found relevant, without and with expansion, on files in the shape of BEIR."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np

from kg_builder.projection import Projection
from search.article import LIBRARY, Article
from search.expand import Chosen, Expansion, expand
from search.gate import Gate, admit
from search.index import TextIndex
from search.index_files import write_index
from search.lines import BadLine, json_lines, read_object, read_text, read_texts
from search.linker import Linked, link
from search.query import MOST_CHARACTERS, Query, read_words
from search.retrieve import WeightedQuery, rank, weigh
from strokemap.errors import BenchMalformed
from strokemap.progress import Progress

DEPTH = 100
MARGIN = 0.02
"""A query is helped or hurt when its nDCG@10 moves by more than this."""
PERMUTATIONS = 10_000
_SEED = 20_210_601
_MEASURES = ("nDCG@10", "R@10", "R@100", "RR@10")

Hits = dict[str, float]
Run = dict[str, Hits]
Judgements = dict[str, dict[str, int]]
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalEvaluation:
    """What was measured over the judged queries. Without a map ``expanded`` and ``p`` are None."""

    queries: int
    linked: int
    """Queries in which a term of the map was named."""
    helped: int
    hurt: int
    unchanged: int
    p: float | None
    """Two-sided paired randomisation test on nDCG@10, with a fixed seed."""
    baseline: Mapping[str, float]
    expanded: Mapping[str, float] | None


def evaluate_retrieval(
    corpus: Path,
    queries: Path,
    qrels: Path,
    *,
    projection: Projection | None,
    work: Path,
    gate: Gate,
    progress: Progress,
) -> RetrievalEvaluation:
    """Search a corpus for each judged query and measure; ``projection=None`` measures the own words alone.

    ``work`` takes a text index while this runs. Errors: InputMissing, BenchMalformed with file and line.
    """
    judgements = read_judgements(qrels)
    asked = {id: text for id, text in _read(queries, _query) if id in judgements}
    if not asked:
        raise BenchMalformed("No query has a judgement.", hint="Do the files belong together?", where=str(queries))
    work.mkdir(parents=True, exist_ok=True)
    baseline, expanded, linked = Run(), Run(), 0
    with TemporaryDirectory(prefix="evaluation-", dir=work) as folder:
        index = write_index(_read(corpus, _article), folder=Path(folder) / "index", progress=progress)
        for count, (id, text) in enumerate(sorted(asked.items()), start=1):
            baseline[id], expanded[id], named = _search(text, index=index, projection=projection, gate=gate)
            linked += named
            progress("searching", count, len(asked))
    judged = {id: judgements[id] for id in sorted(asked)}
    before, after = measure(judged, baseline), measure(judged, expanded)
    changes = [after[id]["nDCG@10"] - before[id]["nDCG@10"] for id in judged]
    helped, hurt = sum(change > MARGIN for change in changes), sum(change < -MARGIN for change in changes)
    return RetrievalEvaluation(
        queries=len(asked),
        linked=linked,
        helped=helped,
        hurt=hurt,
        unchanged=len(asked) - helped - hurt,
        p=None if projection is None else randomisation_p(changes),
        baseline=_means(before),
        expanded=None if projection is None else _means(after),
    )


def measure(judgements: Judgements, run: Run) -> dict[str, dict[str, float]]:
    """Give each query's measures under their ir-measures names; a query that found nothing has zeros."""
    import ir_measures

    measures = [ir_measures.parse_measure(name) for name in _MEASURES]
    found = {id: dict.fromkeys(_MEASURES, 0.0) for id in judgements}
    for metric in ir_measures.iter_calc(measures, judgements, {id: hits for id, hits in run.items() if hits}):
        found[metric.query_id][str(metric.measure)] = float(metric.value)
    return found


def randomisation_p(changes: Sequence[float]) -> float:
    """Give how often random signs move the mean as far as it moved: a two-sided paired randomisation test."""
    from scipy.stats import permutation_test

    moved = [change for change in changes if change]
    if len(moved) < 2:
        # One change alone might as well have gone the other way.
        return 1.0
    test = permutation_test((moved,), np.sum, permutation_type="samples", n_resamples=PERMUTATIONS, random_state=_SEED)
    return float(test.pvalue)


def read_judgements(path: Path) -> Judgements:
    """Read judgements: query, document and score, parted by tabs, or the four columns of TREC; a header is optional."""
    judgements: Judgements = {}
    for number, line in json_lines(path, malformed=BenchMalformed):
        try:
            cells = line.decode("utf-8").split()
        except UnicodeDecodeError:
            raise _malformed(path, number, "it is not UTF-8") from None
        if len(cells) not in (3, 4):
            raise _malformed(path, number, "it has not three columns: query, document, score")
        try:
            score = int(cells[-1])
        except ValueError:
            if number == 1:
                continue
            raise _malformed(path, number, "its score is no whole number") from None
        judgements.setdefault(cells[0], {})[cells[-2]] = score
    if not judgements:
        raise BenchMalformed("The file has no judgement.", hint="Give query, document and score.", where=str(path))
    return judgements


def _search(text: str, *, index: TextIndex, projection: Projection | None, gate: Gate) -> tuple[Hits, Hits, bool]:
    """Give the hits without and with expansion, and whether a term was named."""
    words = read_words(Query(text=text))
    if projection is None:
        linked, expansion = Linked(excluded=words.excluded), Expansion()
    else:
        linked = link(words, projection=projection)
        wide = expand(linked, chosen=Chosen(), audience="clinician", projection=projection)
        expansion = admit(wide, linked=linked, gate=gate)
    plain = _rank(weigh(words, linked=linked, expansion=Expansion()), index=index)
    if not expansion.terms:
        return plain, plain, bool(linked.terms)
    return plain, _rank(weigh(words, linked=linked, expansion=expansion), index=index), bool(linked.terms)


def _rank(weighted: WeightedQuery, *, index: TextIndex) -> Hits:
    # Measures look at the order alone: falling numbers keep ties as search orders them.
    ids = rank(weighted, index=index, limit=DEPTH)
    return {id.removeprefix(LIBRARY): float(DEPTH - place) for place, id in enumerate(ids)}


def _read(path: Path, make: Callable[[Mapping[str, object]], _Made]) -> Iterator[_Made]:
    for number, line in json_lines(path, malformed=BenchMalformed):
        try:
            yield make(read_object(line))
        except BadLine as reason:
            raise _malformed(path, number, str(reason)) from None


def _article(fields: Mapping[str, object]) -> Article:
    return Article(
        id=LIBRARY + _id(fields),
        title=read_text(fields, "title"),
        text=read_text(fields, "text"),
        synonyms=read_texts(fields, "synonyms"),
    )


def _query(fields: Mapping[str, object]) -> tuple[str, str]:
    text = read_text(fields, "text", required=True)
    if len(text) > MOST_CHARACTERS:
        raise BadLine("its text is too long")
    return _id(fields), text


def _id(fields: Mapping[str, object]) -> str:
    value = fields.get("_id", fields.get("id"))
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise BadLine("it has no _id and no id")
    return str(value)


def _malformed(path: Path, number: int, reason: str) -> BenchMalformed:
    return BenchMalformed(
        f"A line can't be read: {reason}.",
        hint="Give JSONL with _id and text, and judgements as query, document, score.",
        where=f"{path}:{number}",
    )


def _means(by_query: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {name: sum(found[name] for found in by_query.values()) / len(by_query) for name in _MEASURES}
