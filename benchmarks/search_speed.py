"""How long each step of a search takes, beside other ways to do it, on a made-up map and library of any size.

    python -m benchmarks.search_speed [--terms 100000] [--links 1500000] [--articles 100000] [--queries 300]
                                      [--work FOLDER] [--neo4j]

Prints one JSON document: milliseconds (p50, p95) of linking, expansion, retrieval, snippets and all together, by the
clock and by this thread's own work; beside them personalised PageRank by igraph and by power iteration at query time
with the overlap of the first 20 terms, two links by Cypher on a Neo4j of its own, SQLite FTS5 and bm25s on the same
texts; an edit of the library until a reader finds it; peak memory of the process that only searches. ``--work`` keeps
what was made.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.made_up import made_up_articles, made_up_map, made_up_queries
from kg_builder.pagerank import DAMPING
from kg_builder.projection import Projection, TermId, make_projection
from search.answer import search, understand
from search.expand import Chosen, expand
from search.explain import explain
from search.gate import load_gate
from search.index import TextIndex
from search.index_files import build_index, open_index
from search.library import Library
from search.linker import link
from search.query import Filters, Query, read_words
from search.retrieve import retrieve, weigh
from strokemap.progress import silent

FIRST = 20
ITERATIONS = 50


class Times:
    """Milliseconds of each named step, by the clock and by the thread's own work."""

    def __init__(self) -> None:
        self.taken: dict[str, list[tuple[float, float]]] = {}

    def __call__(self, name: str, call: Callable[[], Any]) -> Any:
        clock, own = time.perf_counter(), time.thread_time()
        result = call()
        took = (time.perf_counter() - clock) * 1000, (time.thread_time() - own) * 1000
        self.taken.setdefault(name, []).append(took)
        return result

    def report(self) -> dict[str, dict[str, float]]:
        found = {}
        for name, taken in self.taken.items():
            clock, own = (sorted(column) for column in zip(*taken, strict=True))
            middle, late = len(clock) // 2, len(clock) * 95 // 100
            values = (clock[middle], clock[late], own[middle], own[late])
            found[name] = dict(zip(("p50", "p95", "own_p50", "own_p95"), (round(v, 3) for v in values), strict=True))
        return found


def ours(projection: Projection, index: TextIndex, queries: list[str]) -> dict[str, dict[str, float]]:
    """Time the steps one by one, then all together."""
    times, gate, nobody = Times(), load_gate(), Chosen()
    for number, text in enumerate(queries):
        if number == len(queries) // 10:
            times.taken.clear()  # the first tenth warms up
        query = Query(text=text)
        words = read_words(query)
        linked = times("link", lambda words=words: link(words, projection=projection))
        ids = [term for name in linked.terms if (term := projection.term(name.term)) is not None]
        times("expand: adding up vectors", lambda ids=ids: add_up(projection, ids))
        times(
            "expand: with names and paths",
            lambda linked=linked: expand(linked, chosen=nobody, audience="clinician", projection=projection),
        )
        _, expansion = times(
            "understand: linking, expansion, gate, subjects, spelling",
            lambda words=words: understand(
                words, chosen=nobody, audience="clinician", projection=projection, index=index, pages=index, gate=gate
            ),
        )
        weighted = weigh(words, linked=linked, expansion=expansion)
        hits = times("retrieve", lambda weighted=weighted: retrieve(weighted, index=index, filters=Filters(), limit=11))
        times("snippets", lambda hits=hits, weighted=weighted: explain(hits[:10], weighted=weighted, said={}))
        times("together", lambda query=query: search(query, projection=projection, index=index, gate=gate))
    return times.report()


def add_up(projection: Projection, starts: Iterable[TermId]) -> list[int]:
    """Give the first terms by the sum of the stored vectors of ``starts``."""
    total: dict[int, float] = {}
    for start in starts:
        for term, weight in zip(*(column.tolist() for column in projection.vector(start)), strict=True):
            total[term] = total.get(term, 0.0) + weight
    return sorted(total, key=lambda term: (-total[term], term))[:FIRST]


def graphs(projection: Projection, starts: list[list[TermId]]) -> dict[str, object]:
    """Time personalised PageRank at query time, and compare the first terms with those of the stored vectors."""
    import igraph

    rows = [projection.neighbours(TermId(term)) for term in range(len(projection))]
    sizes = [len(near) for near, _ in rows]
    source = np.repeat(np.arange(len(rows)), sizes)
    target, weights = (np.concatenate([row[column] for row in rows]) for column in (0, 1))
    outgoing = np.bincount(source, weights=weights, minlength=len(rows))
    step = sparse.csr_matrix((weights / outgoing[source], (target, source)), shape=(len(rows), len(rows)))
    once = source < target
    graph = igraph.Graph(n=len(rows), edges=np.column_stack([source[once], target[once]]).tolist())
    graph.es["weight"] = weights[once].tolist()

    def iterate(ids: list[TermId]) -> list[int]:
        start = np.zeros(len(rows))
        start[ids] = 1 / len(ids)
        mass = start
        for _ in range(ITERATIONS):
            mass = DAMPING * (step @ mass) + (1 - DAMPING) * start
        return np.argsort(-mass, kind="stable")[:FIRST].tolist()

    def by_igraph(ids: list[TermId]) -> list[int]:
        mass = graph.personalized_pagerank(reset_vertices=list(ids), damping=DAMPING, weights="weight", directed=False)
        return np.argsort(-np.array(mass), kind="stable")[:FIRST].tolist()

    times, overlaps = Times(), []
    for ids in starts:
        stored = times("stored vectors", lambda ids=ids: add_up(projection, ids))
        exact = times(f"power iteration, {ITERATIONS} rounds, scipy", lambda ids=ids: iterate(ids))
        times("igraph", lambda ids=ids: by_igraph(ids))
        overlaps.append(len(set(stored) & set(exact)) / FIRST)
    return {"ms": times.report(), f"overlap_of_first_{FIRST}": round(float(np.mean(overlaps)), 4)}


def texts(index: TextIndex, articles: int, queries: list[str], folder: Path) -> dict[str, object]:
    """Time plain word search by others on the same texts."""
    import bm25s

    bodies = [f"{article.title} {article.text}" for article in index.articles_by_id(
        [f"lib:made-up-{number:06}" for number in range(articles)]
    ).values()]  # fmt: skip
    database = sqlite3.connect(folder / "fts.db")
    database.execute("CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(body, tokenize='porter')")
    if database.execute("SELECT count(*) FROM texts").fetchone()[0] == 0:
        database.executemany("INSERT INTO texts VALUES (?)", [(body,) for body in bodies])
        database.commit()
    retriever = bm25s.BM25()
    retriever.index(bm25s.tokenize(bodies, show_progress=False), show_progress=False)
    times = Times()
    statement = "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT 10"
    for text in queries:
        times("SQLite FTS5", lambda text=text: database.execute(statement, [" OR ".join(text.split())]).fetchall())
        times(
            "bm25s",
            lambda text=text: retriever.retrieve(
                bm25s.tokenize(text, show_progress=False), k=10, show_progress=False, n_threads=1
            ),
        )
    return {"ms": times.report()}


def cypher(projection: Projection, starts: list[list[TermId]], folder: Path) -> dict[str, object]:
    """Time the nearest terms within two links of the same map on a Neo4j of its own."""
    from neo4j import GraphDatabase

    from tests.servers.neo4j import PASSWORD, VERSION, Neo4jProcess

    (folder / "neo4j").mkdir()
    ask = (
        "MATCH (s:Term)-[a:LINKED]-(m:Term) WHERE s.id IN $ids WITH m, sum(a.weight) AS near "
        "MATCH (m)-[b:LINKED]-(n:Term) WHERE NOT n.id IN $ids "
        "RETURN n.id AS id, sum(near * b.weight) AS score ORDER BY score DESC LIMIT 20"
    )
    measured = Neo4jProcess(folder / "neo4j", heap="2g", pagecache="512m", brief=False)
    with measured.running() as server:
        address = f"bolt://127.0.0.1:{server.port}"
        with GraphDatabase.driver(address, auth=("neo4j", PASSWORD), notifications_min_severity="OFF") as driver:
            driver.execute_query("CREATE CONSTRAINT term IF NOT EXISTS FOR (t:Term) REQUIRE t.id IS UNIQUE")
            for start in range(0, len(projection), 10_000):
                ids = list(range(start, min(len(projection), start + 10_000)))
                driver.execute_query("UNWIND $ids AS id CREATE (:Term {id: id})", ids=ids)
            rows = []
            for term in range(len(projection)):
                near, weights = projection.neighbours(TermId(term))
                rows += [[term, b, w] for b, w in zip(near.tolist(), weights.tolist(), strict=True) if term < b]
                if len(rows) > 20_000 or term == len(projection) - 1:
                    driver.execute_query(
                        "UNWIND $rows AS r MATCH (a:Term {id: r[0]}) MATCH (b:Term {id: r[1]}) "
                        "CREATE (a)-[:LINKED {weight: r[2]}]->(b)",
                        rows=rows,
                    )
                    rows = []
            times = Times()
            for ids in starts:
                times("two links", lambda ids=ids: driver.execute_query(ask, ids=list(map(int, ids))))
    return {"ms": times.report(), "server": f"Neo4j Community {VERSION}, heap 2g"}


def an_edit(library: Library, projection: Projection, index: TextIndex, *, times: int) -> dict[str, float]:
    """Time a correction until a reader opened anew finds it."""
    taken = []
    for number in range(times):
        word = f"zzedit{number}"
        started = time.perf_counter()
        library.correct("lib:made-up-000007", "title", f"Corrected {word}")
        edited = build_index(
            library=library, projection=projection, folder=index.folder.parent, progress=silent, edited=index.digest
        )
        found = search(Query(text=word, expand=False), projection=projection, index=edited, gate=load_gate())
        taken.append(time.perf_counter() - started)
        assert [result.id for result in found.results] == ["lib:made-up-000007"]
    taken.sort()
    return {"seconds_p50": round(taken[len(taken) // 2], 3), "seconds_max": round(taken[-1], 3)}


def prepare(work: Path, *, terms: int, links: int, articles: int) -> dict[str, float]:
    """Make map, projection, library and index, unless they are there already."""
    made: dict[str, float] = {}
    if not (work / "projection").exists():
        build = made_up_map(terms=terms, links=links)
        started = time.monotonic()
        make_projection(build, texts=(), folder=work / "projection")
        made["projection_seconds"] = round(time.monotonic() - started, 1)
        del build
    projection = Projection.open(work / "projection")
    library = Library.open(work / "library")
    if not len(library):
        library.add(made_up_articles(articles, names=list(projection.titles)))
    if not (work / "index.txt").exists():
        started = time.monotonic()
        index = build_index(library=library, projection=projection, folder=work / "index", progress=silent)
        made["index_seconds"] = round(time.monotonic() - started, 1)
        (work / "index.txt").write_text(index.digest)
    return made


def _only_search(work: Path, queries: int) -> None:
    """Print what a process that only searches takes: the steps, and its peak memory."""
    projection, index = _opened(work)
    steps = ours(projection, index, made_up_queries(queries, names=list(projection.titles)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"ms": steps, "rss_mb_peak": peak}))


def _opened(work: Path) -> tuple[Projection, TextIndex]:
    return Projection.open(work / "projection"), open_index(work / "index" / (work / "index.txt").read_text())


def measure(work: Path, *, terms: int, links: int, articles: int, queries: int, neo4j: bool) -> dict[str, object]:
    """Measure everything, searching in a process of its own."""
    report: dict[str, object] = {"terms": terms, "links": links, "articles": articles, "queries": queries}
    report |= prepare(work, terms=terms, links=links, articles=articles)
    words = [sys.executable, "-m", "benchmarks.search_speed", "--only-search", f"--work={work}", f"--queries={queries}"]
    report["strokemap"] = json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
    projection, index = _opened(work)
    report["edit"] = an_edit(Library.open(work / "library"), projection, index, times=5)
    chance = random.Random(7)
    some = [[TermId(chance.randrange(terms)) for _ in range(chance.randint(1, 2))] for _ in range(50)]
    report["expansion"] = graphs(projection, some)
    asked = made_up_queries(50, names=list(projection.titles))
    report["words"] = texts(index, articles, asked, work)
    if neo4j:
        report["cypher"] = cypher(projection, some[:20], work)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("terms", 100_000), ("links", 1_500_000), ("articles", 100_000), ("queries", 300)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--neo4j", action="store_true")
    parser.add_argument("--only-search", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only_search:
        _only_search(given.work, given.queries)
        return
    sizes = {name: getattr(given, name) for name in ("terms", "links", "articles", "queries")}
    with tempfile.TemporaryDirectory() as folder:
        work = given.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        print(json.dumps(measure(work, **sizes, neo4j=given.neo4j), indent=1))


if __name__ == "__main__":
    main()
