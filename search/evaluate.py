"""How well search finds what judges found relevant, without and with expansion, on files in the shape of BEIR."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from kg_builder.projection import Projection
from search.article import LIBRARY, Article
from search.expand import Chosen, Expansion, expand
from search.gate import Gate, admit
from search.index import TextIndex, write_index
from search.lines import json_lines, whole_characters
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

Run = dict[str, dict[str, float]]
Judgements = dict[str, dict[str, int]]


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
    asked = {id: text for id, text in _queries(queries) if id in judgements}
    if not asked:
        raise BenchMalformed("No query has a judgement.", hint="Do the files belong together?", where=str(queries))
    work.mkdir(parents=True, exist_ok=True)
    baseline, expanded, linked = Run(), Run(), 0
    with TemporaryDirectory(prefix="evaluation-", dir=work) as folder:
        index = write_index(_articles(corpus), folder=Path(folder) / "index", progress=progress)
        for count, (id, text) in enumerate(sorted(asked.items()), start=1):
            baseline[id], widened, named = _search(text, index=index, projection=projection, gate=gate)
            expanded[id] = baseline[id] if widened is None else widened
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
    values = np.asarray([change for change in changes if change], dtype=np.float64)
    if not len(values):
        return 1.0
    generator = np.random.default_rng(_SEED)
    extreme = 0
    for _ in range(PERMUTATIONS):
        signs = generator.integers(0, 2, size=len(values)) * 2 - 1
        # A hair of tolerance, for sums in another order differ in the last place.
        extreme += abs(float(signs @ values)) >= abs(float(values.sum())) - 1e-12
    return (extreme + 1) / (PERMUTATIONS + 1)


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


def _search(
    text: str, *, index: TextIndex, projection: Projection | None, gate: Gate
) -> tuple[dict[str, float], dict[str, float] | None, bool]:
    """Give the run without expansion, the one with it where there is one, and whether a term was named."""
    words = read_words(Query(text=text))
    if projection is None:
        linked = Linked(terms=(), unlinked=(), excluded=words.excluded, excluded_terms=())
        return _rank(weigh(words, linked=linked, expansion=Expansion()), index=index), None, False
    linked = link(words, projection=projection)
    plain = _rank(weigh(words, linked=linked, expansion=Expansion()), index=index)
    wide = expand(linked, chosen=Chosen(), audience="clinician", projection=projection)
    expansion = admit(wide, linked=linked, gate=gate)
    if not expansion.terms:
        return plain, None, bool(linked.terms)
    return plain, _rank(weigh(words, linked=linked, expansion=expansion), index=index), bool(linked.terms)


def _rank(weighted: WeightedQuery, *, index: TextIndex) -> dict[str, float]:
    # Measures look at the order alone: falling numbers keep ties as search orders them.
    ids = rank(weighted, index=index, limit=DEPTH)
    return {id.removeprefix(LIBRARY): float(DEPTH - place) for place, id in enumerate(ids)}


def _articles(path: Path) -> Iterator[Article]:
    for number, fields in _objects(path):
        synonyms = fields.get("synonyms") or []
        if not isinstance(synonyms, list) or not all(isinstance(name, str) for name in synonyms):
            raise _malformed(path, number, "its synonyms are no list of texts")
        yield Article(
            id=LIBRARY + _id(fields, path, number),
            title=_text(fields, "title", path, number),
            text=_text(fields, "text", path, number),
            synonyms=tuple(synonyms),
        )


def _queries(path: Path) -> Iterator[tuple[str, str]]:
    for number, fields in _objects(path):
        text = _text(fields, "text", path, number)
        if not text.strip() or len(text) > MOST_CHARACTERS:
            raise _malformed(path, number, "its text is empty or too long")
        yield _id(fields, path, number), text


def _objects(path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in json_lines(path, malformed=BenchMalformed):
        try:
            fields = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            raise _malformed(path, number, "it is not JSON in UTF-8") from None
        if not isinstance(fields, dict):
            raise _malformed(path, number, "it is not a JSON object")
        yield number, fields


def _id(fields: Mapping[str, object], path: Path, number: int) -> str:
    value = fields.get("_id", fields.get("id"))
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise _malformed(path, number, "it has no _id and no id")
    return str(value)


def _text(fields: Mapping[str, object], name: str, path: Path, number: int) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise _malformed(path, number, f"its {name} is no text")
    return whole_characters(value)


def _malformed(path: Path, number: int, reason: str) -> BenchMalformed:
    return BenchMalformed(
        f"A line can't be read: {reason}.",
        hint="Give JSONL with _id and text, and judgements as query, document, score.",
        where=f"{path}:{number}",
    )


def _means(by_query: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {name: sum(found[name] for found in by_query.values()) / len(by_query) for name in _MEASURES}
