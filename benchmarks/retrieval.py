"""Ways of searching, side by side in one run, on collections of everyday and of clinical queries, and off-topic ones.

    python -m benchmarks.retrieval DATA [--only SET] [--runs DIR] [--evidence]

DATA is the folder of the outside data (docs/data.md). Publishes the map of topic-eval.toml in a temporary home, and a
wider one (wider.toml) for the last row. Each row is compared with our own words alone, as search indexes articles:
helped and hurt are queries whose nDCG@10 moved by more than .02; p is the two-sided paired randomisation test. The
controls add as much as the full way does, of the wrong things: they must not look good. ``--evidence`` writes
docs/evidence/retrieval.json, ``--runs`` a folder for each collection and row: its run in TREC's format and what each
query gained.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import bm25s
import Stemmer

from benchmarks.evidence import COMMAND, Home, Measured, write
from benchmarks.icd10cm import other_names
from benchmarks.rm3 import expand_by_feedback
from kg_builder.projection import Projection, TermId, published_projection
from search.answer import understand
from search.bench import Bench, open_bench
from search.evaluate import (
    DEPTH,
    Hits,
    Run,
    compare,
    evaluate_retrieval,
    interpret,
    means,
    measure,
    search_bench,
    write_runs,
)
from search.expand import OWN_NAMES, Chosen, ExpandedTerm, Expansion, add_spellings, expand, names_of
from search.gate import Gate, admit, load_gate
from search.linker import Linked, link
from search.query import Query, Words, read_words
from search.retrieve import weigh
from search.spelling import correct
from search.subjects import add_subjects, find_subjects
from strokemap.home import open_home
from strokemap.progress import silent

HERE = Path(__file__).parent
DIRECT_NEIGHBOURS = 5
RUN = "run"
_SEED = 20_261_124


def collections(data: Path) -> dict[str, tuple[Path, Path, Path]]:
    """Give corpus, queries and judgements of each collection."""
    articles, lay = data / "articles" / "health-articles.jsonl.gz", data / "retrieval" / "lay-dev"
    nfcorpus, cran = data / "retrieval" / "nfcorpus", data / "retrieval" / "cran"
    ours, demonstration = HERE / "lay", HERE.parent / "api" / "demonstration" / "articles.jsonl"
    return {
        "lay-dev": (articles, lay / "queries.jsonl.gz", lay / "qrels.tsv.gz"),
        "ours": (articles, ours / "queries.jsonl", ours / "qrels-health-articles.tsv"),
        "ours-demonstration": (demonstration, ours / "queries.jsonl", ours / "qrels-demonstration.tsv"),
        "nfcorpus-dev": (
            nfcorpus / "corpus.jsonl.gz", nfcorpus / "queries-dev.jsonl.gz", nfcorpus / "qrels-dev.tsv.gz"
        ),
        "cran": (cran / "corpus.jsonl.gz", cran / "queries.jsonl.gz", cran / "qrels.tsv.gz"),
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A query, understood: what each way of expanding starts from."""

    words: Words
    corrected: Words
    linked: Linked
    bench: Bench
    projection: Projection
    gate: Gate

    @property
    def walked(self) -> Expansion:
        """Other names and the nearest by PageRank, whatever the gate says."""
        return expand(self.linked, chosen=Chosen(), audience="clinician", projection=self.projection)

    @property
    def named(self) -> frozenset[str]:
        """The titles of the linked terms."""
        return frozenset(term.term for term in self.linked.terms)


def other_names_only(asked: Asked) -> Expansion:
    """The linked terms under their other names."""
    return Expansion(terms=tuple(term for term in asked.walked.terms if term.term in asked.named))


def pagerank_only(asked: Asked) -> Expansion:
    """The nearest terms by PageRank, without the other names."""
    return Expansion(terms=tuple(term for term in asked.walked.terms if term.term not in asked.named))


def direct_neighbours(asked: Asked) -> Expansion:
    """The linked terms' own neighbours, by the weight of the link, at the weights that PageRank's get."""
    found: dict[TermId, float] = {}
    for title in asked.named:
        start = asked.projection.term(title)
        assert start is not None
        terms, weights = asked.projection.neighbours(start)
        for term, weight in zip(terms.tolist(), weights.tolist(), strict=True):
            found[TermId(term)] = max(found.get(TermId(term), 0.0), weight)
    best = sorted(found, key=lambda term: (-found[term], term))[:DIRECT_NEIGHBOURS]
    like = sorted((term.weight for term in pagerank_only(asked).terms), reverse=True)
    return Expansion(
        terms=tuple(
            _added(asked.projection.titles[term], names=_names(term, asked.projection), weight=weight)
            for term, weight in zip(best, like, strict=False)
            if asked.projection.titles[term] not in asked.named
        )
    )


def gated(asked: Asked) -> Expansion:
    """Other names and PageRank where the gate lets them pass."""
    return admit(asked.walked, linked=asked.linked, gate=asked.gate)


def by_subjects(asked: Asked, *, pages: bool, articles: bool) -> Expansion:
    """What the first pages, or the first articles, are about."""
    own = weigh(asked.words, linked=asked.linked, expansion=Expansion())
    found = find_subjects(own, index=asked.bench.index, pages=asked.bench.pages)
    kept = tuple(subject for subject in found if (pages and subject.of_map) or (articles and not subject.of_map))
    return add_subjects(
        Expansion(), kept, linked=asked.linked, chosen=Chosen(), audience="clinician", projection=asked.projection
    )


def by_icd(asked: Asked) -> Expansion:
    """The inclusion terms of ICD-10-CM for whatever the query has of its names."""
    names = other_names(asked.words.text)
    return Expansion(terms=(_added("ICD-10-CM", names=names, weight=OWN_NAMES),) if names else ())


def everything(asked: Asked) -> Expansion:
    """What search does."""
    text = asked.words.text
    return interpret(text, bench=asked.bench, projection=asked.projection, gate=asked.gate)[2]


def without_gate(asked: Asked) -> Expansion:
    """What search does, with the gate for terms open."""
    model = replace(asked.gate.model, threshold=float("-inf"))
    text = asked.words.text
    return interpret(text, bench=asked.bench, projection=asked.projection, gate=Gate(model=model))[2]


WAYS: dict[str, Callable[[Asked], Expansion]] = {
    "other names only": other_names_only,
    "direct neighbours only": direct_neighbours,
    "PageRank only": pagerank_only,
    "names and PageRank": lambda asked: asked.walked,
    "names and PageRank, gate": gated,
    "pages that begin so": lambda asked: by_subjects(asked, pages=True, articles=False),
    "subjects of the first articles": lambda asked: by_subjects(asked, pages=False, articles=True),
    "spelling": lambda asked: add_spellings(Expansion(), asked.corrected.corrected),
    "ICD-10-CM names": by_icd,
    "all, without the gate": without_gate,
    "all (search)": everything,
}


def measure_collection(
    bench: Bench, *, files: tuple[Path, Path, Path], projection: Projection, work: Path, runs: Path | None = None
) -> Measured:
    """Search each way; give the rows by name, and write each row's run into a folder of ``runs``."""
    gate = load_gate()
    plain = {id: read_words(Query(text=text)) for id, text in bench.queries.items()}
    asked = {}
    for id, words in plain.items():
        corrected = correct(words, index=bench.index, pages=bench.pages)
        linked = link(corrected, projection=projection)
        asked[id] = Asked(
            words=words, corrected=corrected, linked=linked, bench=bench, projection=projection, gate=gate
        )
    unlinked = {id: Linked(excluded=words.excluded) for id, words in plain.items()}
    own = {id: weigh(words, linked=unlinked[id], expansion=Expansion()) for id, words in plain.items()}
    baseline: Run = {id: search_bench(weighted, bench=bench) for id, weighted in own.items()}

    def row(run: Run, **more: object) -> Measured:
        judged = {id: bench.judgements[id] for id in run}
        change = compare(judged, {id: baseline[id] for id in run}, run)
        return {
            **means(measure(judged, run)), **more, "helped": change.helped, "hurt": change.hurt, "p": change.p,
            "reranked": sum(list(hits) != list(baseline[id]) for id, hits in run.items()),
            RUN: (run, change.gains),
        }  # fmt: skip

    def searched(expansions: Mapping[str, Expansion]) -> Run:
        return {
            id: search_bench(weigh(asked[id].words, linked=asked[id].linked, expansion=found), bench=bench)
            if found.terms
            else baseline[id]
            for id, found in expansions.items()
        }

    def expanded(expansions: Mapping[str, Expansion]) -> Measured:
        return row(searched(expansions), acted=sum(bool(found.terms) for found in expansions.values()))

    rows: dict[str, object] = {
        "bm25s": row(bm25s_run(files[0], bench)),
        "our BM25, title and text": row(_only(("title", "text"), files, work=work)),
        "our BM25, and synonyms": row(_only(("title", "text", "synonyms"), files, work=work)),
        "our BM25, and subjects (words alone)": row(baseline),
        "RM3": row({id: _rm3(weighted.words, bench) for id, weighted in own.items()}),
    }
    found = {name: {id: way(query) for id, query in asked.items()} for name, way in WAYS.items()}
    rows |= {name: expanded(expansions) for name, expansions in found.items()}
    if naming := {id: found["all (search)"][id] for id, query in asked.items() if query.linked.terms}:
        plain_ones = means(measure({id: bench.judgements[id] for id in naming}, {id: baseline[id] for id in naming}))
        name = "all, queries that name a term"
        rows[name] = row(searched(naming), queries=len(naming), **{"words alone": plain_ones})
    rows["words alone, easy ones first"] = row(
        {id: search_bench(replace(weighted, easy=True), bench=bench) for id, weighted in own.items()}
    )
    rows["all, as patients get it"] = row({id: _as_patient(query) for id, query in asked.items()})
    pool = _pool(files[0], projection)
    chance = random.Random(_SEED)
    shuffled = dict(zip(pool, chance.sample(pool, len(pool)), strict=True))
    for name, other in (
        ("control: random terms", lambda _: chance.choice(pool)),
        ("control: terms swapped one for one", lambda term: shuffled.get(term, chance.choice(pool))),
    ):
        rows[name] = expanded(
            {id: _replaced(expansion, other, projection) for id, expansion in found["all (search)"].items()}
        )
    for name, measured in rows.items():
        run, gains = measured.pop(RUN)  # type: ignore[attr-defined]
        if runs is not None:
            write_runs({_slug(name): run}, gains=gains, folder=runs / _slug(name))
    return {"queries": len(asked), "linked": sum(bool(query.linked.terms) for query in asked.values()), "rows": rows}


def _as_patient(asked: Asked) -> Hits:
    """Everyday names first, and articles that are easy to read."""
    linked, expansion = understand(
        asked.words, chosen=Chosen(), audience="patient", projection=asked.projection,
        index=asked.bench.index, pages=asked.bench.pages, gate=asked.gate,
    )  # fmt: skip
    return search_bench(weigh(asked.words, linked=linked, expansion=expansion, easy=True), bench=asked.bench)


def bm25s_run(corpus: Path, bench: Bench) -> Run:
    """Search with bm25s: k1 .9, b .4, English stemming, title and text."""
    texts = {}
    with gzip.open(corpus, "rt") if corpus.suffix == ".gz" else corpus.open() as lines:
        for line in lines:
            fields = json.loads(line)
            texts[str(fields.get("_id", fields.get("id")))] = f"{fields.get('title', '')} {fields['text']}".strip()
    stemmer = Stemmer.Stemmer("english")
    retriever = bm25s.BM25(k1=0.9, b=0.4)
    retriever.index(bm25s.tokenize(list(texts.values()), stemmer=stemmer, show_progress=False), show_progress=False)
    asked = bm25s.tokenize(list(bench.queries.values()), stemmer=stemmer, show_progress=False)
    places, scores = retriever.retrieve(asked, k=min(DEPTH, len(texts)), show_progress=False)
    ids = list(texts)
    return {
        query: {ids[place]: float(score) for place, score in zip(row, row_scores, strict=True) if score > 0}
        for query, row, row_scores in zip(bench.queries, places, scores, strict=True)
    }


def _only(fields_kept: tuple[str, ...], files: tuple[Path, Path, Path], *, work: Path) -> Run:
    """Search the own words in some fields alone."""
    corpus, queries, qrels = files
    bare = work / "bare.jsonl"
    with gzip.open(corpus, "rt") if corpus.suffix == ".gz" else corpus.open() as lines, bare.open("w") as kept:
        for line in lines:
            fields = json.loads(line)
            kept.write(json.dumps({name: fields[name] for name in ("_id", "id", *fields_kept) if name in fields}))
            kept.write("\n")
    with open_bench(bare, queries, qrels, projection=None, work=work, progress=silent) as bench:
        return {
            id: search_bench(interpret(text, bench=bench, projection=None, gate=load_gate())[1], bench=bench)
            for id, text in bench.queries.items()
        }


def _rm3(words: Sequence[str], bench: Bench) -> Hits:
    own = [stem for word in words for _, stem in bench.index.stems(word)]
    if not own:
        return {}
    first = bench.index.best(expand_by_feedback(own, index=bench.index, first=()), limit=DEPTH)
    again = bench.index.best(expand_by_feedback(own, index=bench.index, first=first), limit=DEPTH)
    return {id.removeprefix("lib:"): float(DEPTH - place) for place, (id, _) in enumerate(again)}


def _pool(corpus: Path, projection: Projection) -> list[str]:
    """The terms of the map and the subjects of the library: what an expansion can add."""
    names = set(projection.titles)
    with gzip.open(corpus, "rt") if corpus.suffix == ".gz" else corpus.open() as lines:
        names |= {name for line in lines if (name := json.loads(line).get("focus"))}
    return sorted(names)


def _replaced(expansion: Expansion, other: Callable[[str], str], projection: Projection) -> Expansion:
    terms = []
    for term in expansion.terms:
        title = other(term.term)
        known = projection.term(title)
        names = (title,) if known is None else _names(known, projection)
        terms.append(_added(title, names=names, weight=term.weight))
    return Expansion(terms=tuple(terms))


def _names(term: TermId, projection: Projection) -> tuple[str, ...]:
    return names_of(term, audience="clinician", projection=projection)


def _added(title: str, *, names: tuple[str, ...], weight: float) -> ExpandedTerm:
    return ExpandedTerm(term=title, weight=weight, reason="measured", names=names)


def publish_map(folder: Path, data: Path, *, topic: Path) -> Projection:
    """Crawl the medical extract in a home of its own and open the published map."""
    home = Home(folder, topic.stem)
    home.run("crawl", "--topic", topic, "--source", data / "wiki" / "wiki-medical.xml.bz2", "--publish")
    return published_projection(open_home(folder / topic.stem))


def show(name: str, measured: Mapping[str, object]) -> None:
    """Print the table of one collection."""
    print(f"\n{name}: {measured['queries']} queries, {measured['linked']} name a term")
    print(f"{'':38} nDCG@10   R@10  R@100  RR@10  acted helped hurt       p")
    for title, row in measured["rows"].items():  # type: ignore[attr-defined]
        if "nDCG@10" in row:
            figures = "  ".join(f"{row[name]:.4f}".lstrip("0") for name in ("nDCG@10", "R@10", "R@100", "RR@10"))
            acted = row.get("acted", row.get("queries", ""))
            print(f"{title:38}  {figures}  {acted:>5} {row['helped']:>6} {row['hurt']:>4}  {row['p']:.4f}")


def measure_retrieval(data: Path, *, only: Sequence[str] = (), keep: str = COMMAND, runs: Path | None = None) -> None:
    """Measure the collections and print their tables; ``keep`` is the command to name in the evidence."""
    measured: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        near = publish_map(work, data, topic=data / "wiki" / "topic-eval.toml")
        wider = publish_map(work, data, topic=HERE / "wider.toml")
        for name, files in collections(data).items():
            if only and name not in only:
                continue
            with open_bench(*files, projection=near, work=work, progress=silent) as bench:
                kept = runs and runs / name
                measured[name] = measure_collection(bench, files=files, projection=near, work=work, runs=kept)
            with open_bench(*files, projection=wider, work=work, progress=silent) as bench:
                wide = f"all, a map of {len(wider)} terms"
                measured[name]["rows"] |= {wide: _searched(bench, wider, runs=kept and kept / _slug(wide))}  # type: ignore[operator]
            show(name, measured[name])
    if keep:
        write("retrieval", {"collections": measured}, command=keep)


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-")


def _searched(bench: Bench, projection: Projection, *, runs: Path | None) -> Measured:
    found = evaluate_retrieval(bench, projection=projection, gate=load_gate(), progress=silent, runs=runs)
    assert found.change is not None
    assert found.expanded is not None
    change = found.change
    return {**found.expanded, "acted": found.acted, "helped": change.helped, "hurt": change.hurt, "p": change.p}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--evidence", action="store_true")
    asked = parser.parse_args()
    command = "python -m benchmarks.retrieval DATA --evidence"
    measure_retrieval(asked.data, only=asked.only, keep=command if asked.evidence else "", runs=asked.runs)


if __name__ == "__main__":
    main()
