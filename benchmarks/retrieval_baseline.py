"""Our BM25 beside bm25s (k1 0.9, b 0.4, English stemming) on the same files, without any expansion.

    python benchmarks/retrieval_baseline.py CORPUS QUERIES QRELS

Prints one line of measures for each. The files are in the shape of BEIR, plain or gzipped.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import bm25s
import Stemmer

from search.evaluate import DEPTH, Run, evaluate_retrieval, measure, read_judgements
from search.gate import load_gate
from search.lines import json_lines
from strokemap.errors import BenchMalformed
from strokemap.progress import silent


def texts(path: Path) -> dict[str, str]:
    found = {}
    for _, line in json_lines(path, malformed=BenchMalformed):
        fields = json.loads(line)
        found[str(fields.get("_id", fields.get("id")))] = f"{fields.get('title', '')} {fields['text']}".strip()
    return found


def bm25s_run(corpus: dict[str, str], queries: dict[str, str]) -> Run:
    stemmer = Stemmer.Stemmer("english")
    retriever = bm25s.BM25(k1=0.9, b=0.4)
    retriever.index(bm25s.tokenize(list(corpus.values()), stemmer=stemmer, show_progress=False), show_progress=False)
    asked = bm25s.tokenize(list(queries.values()), stemmer=stemmer, show_progress=False)
    places, scores = retriever.retrieve(asked, k=min(DEPTH, len(corpus)), show_progress=False)
    ids = list(corpus)
    return {
        query: {ids[place]: float(score) for place, score in zip(row, row_scores, strict=True) if score > 0}
        for query, row, row_scores in zip(queries, places, scores, strict=True)
    }


def main(corpus: Path, queries: Path, qrels: Path) -> None:
    judgements = read_judgements(qrels)
    asked = {id: text for id, text in texts(queries).items() if id in judgements}
    judged = {id: judgements[id] for id in asked}
    by_query = measure(judged, bm25s_run(texts(corpus), asked))
    theirs = {
        name: sum(row[name] for row in by_query.values()) / len(by_query) for name in next(iter(by_query.values()))
    }
    with tempfile.TemporaryDirectory() as work:
        ours = evaluate_retrieval(
            corpus, queries, qrels, projection=None, work=Path(work), gate=load_gate(), progress=silent
        ).baseline
    for name, measures in (("bm25s", theirs), ("strokemap", ours)):
        print(f"{name:10}", "  ".join(f"{measure} {value:.4f}" for measure, value in measures.items()))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
