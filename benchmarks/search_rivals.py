"""Other ways to expand a query and to find its words, timed on the map and the texts of search_speed.py.

Expansion: personalised PageRank at query time by igraph and by power iteration, with the overlap of the first terms,
and two links by Cypher on a Neo4j of its own, beside search's own nearest terms. Words: SQLite FTS5 and bm25s. The
first tenth of whatever is asked warms up. igraph is under GPL-2.0-or-later: only these benchmarks use it.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import bm25s
import igraph
import numpy as np
from neo4j import Driver, GraphDatabase
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.evidence import Measured
from benchmarks.search_steps import Times
from kg_builder.pagerank import DAMPING, LEAST
from kg_builder.projection import Projection, TermId
from search.expand import nearest
from search.library import Library
from tests.servers.neo4j import PASSWORD, VERSION, Neo4jProcess

ITERATIONS = 50
ASKED = 50
FIRST = 20
STORED, CYPHER = "stored vectors (search)", "two links by Cypher"
_BATCH = 10_000
_TWO_LINKS = """
MATCH (s:Term)-[a:LINKED]-(m:Term) WHERE s.id IN $ids WITH m, sum(a.weight) AS near
MATCH (m)-[b:LINKED]-(n:Term) WHERE NOT n.id IN $ids
RETURN n.id AS id, sum(near * b.weight) AS score ORDER BY score DESC LIMIT 20
"""
_MAKE_LINKS = """
UNWIND $rows AS r MATCH (a:Term {id: r[0]}) MATCH (b:Term {id: r[1]}) CREATE (a)-[:LINKED {weight: r[2]}]->(b)
"""


def some_starts(terms: int) -> list[list[TermId]]:
    """Give one or two terms each time, by chance."""
    chance = random.Random(7)
    return [[TermId(term) for term in chance.sample(range(terms), chance.randint(1, 2))] for _ in range(ASKED)]


def graphs(projection: Projection, starts: list[list[TermId]]) -> Measured:
    """Time personalised PageRank at query time, and compare the first terms with those of the stored vectors."""
    rows = [projection.neighbours(TermId(term)) for term in range(len(projection))]
    source = np.repeat(np.arange(len(rows)), [len(near) for near, _ in rows])
    target, weights = (np.concatenate([row[column] for row in rows]) for column in (0, 1))
    outgoing = np.bincount(source, weights=weights, minlength=len(rows))
    step = sparse.csr_matrix((weights / outgoing[source], (target, source)), shape=(len(rows), len(rows)))
    once = source < target
    graph = igraph.Graph(n=len(rows), edges=np.column_stack([source[once], target[once]]).tolist())
    graph.es["weight"] = weights[once].tolist()

    specificities = np.array([projection.specificity(TermId(term)) for term in range(len(rows))])

    def first(mass: NDArray[np.float64], ids: list[TermId]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        nearness = mass * np.sqrt(specificities)
        nearness[ids] = 0
        return np.argsort(-nearness, kind="stable")[:FIRST], nearness

    def iterate(ids: list[TermId]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        start = np.zeros(len(rows))
        start[ids] = specificities[ids]
        mass = start
        for _ in range(ITERATIONS):
            mass = DAMPING * (step @ mass) + (1 - DAMPING) * start
        return first(mass, ids)

    def by_igraph(ids: list[TermId]) -> object:
        mass = graph.personalized_pagerank(reset_vertices=ids, damping=DAMPING, weights="weight", directed=False)
        return first(np.array(mass), ids)

    times, overlaps = Times(), []
    for ids in times.warmed_up(starts):
        found = times(STORED, lambda ids=ids: nearest(ids, projection=projection, most=FIRST))
        best, nearness = times(f"power iteration, {ITERATIONS} rounds, scipy", lambda ids=ids: iterate(ids))
        times("igraph", lambda ids=ids: by_igraph(ids))
        best = best[nearness[best] >= LEAST]
        # Terms that are exactly as near as the last one are as right as it is.
        right = np.flatnonzero(nearness >= nearness[best[-1]] - 1e-9) if len(best) else best
        overlaps.append(len({term for term, _, _ in found[: len(best)]} & set(right.tolist())) / (len(best) or 1))
    overlap = {"mean": round(float(np.mean(overlaps)), 4), "least": min(overlaps)}
    return {"ms": times.report(), f"overlap_of_first_{FIRST}": overlap}


def texts(library: Library, queries: list[str], *, folder: Path) -> Measured:
    """Time plain word search by others on the same texts; their indexes are made once in ``folder``."""
    if not (folder / "bm25s").exists():
        bodies = [f"{article.title} {article.text}" for article in library.articles()]
        with closing(sqlite3.connect(folder / "fts.db")) as database, database:
            database.execute("DROP TABLE IF EXISTS texts")
            database.execute("CREATE VIRTUAL TABLE texts USING fts5(body, tokenize='porter')")
            database.executemany("INSERT INTO texts VALUES (?)", [(body,) for body in bodies])
        made = bm25s.BM25()
        made.index(bm25s.tokenize(bodies, show_progress=False), show_progress=False)
        made.save(folder / "bm25s", show_progress=False)
    retriever = bm25s.BM25.load(folder / "bm25s")
    statement = "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT 10"
    times = Times()
    with closing(sqlite3.connect(folder / "fts.db")) as database:
        for text in times.warmed_up(queries):
            words = " OR ".join(f'"{word}"' for word in text.split())
            times("SQLite FTS5", lambda words=words: database.execute(statement, [words]).fetchall())
            times("bm25s", lambda text=text: _by_bm25s(retriever, text))
    return {"ms": times.report()}


def _by_bm25s(retriever: bm25s.BM25, text: str) -> object:
    return retriever.retrieve(bm25s.tokenize(text, show_progress=False), k=10, show_progress=False, n_threads=1)


def cypher(projection: Projection, starts: list[list[TermId]], *, folder: Path) -> Measured:
    """Time the nearest terms within two links of the same map on a Neo4j, whose data are made once in ``folder``."""
    kept, times = folder / "neo4j-data", Times()
    with tempfile.TemporaryDirectory() as place:
        measured = Neo4jProcess(Path(place), heap="2g", pagecache="512m", brief=False)
        if kept.exists():
            shutil.rmtree(Path(place, "data"))
            shutil.copytree(kept, Path(place, "data"))
        with (
            measured.running() as server,
            GraphDatabase.driver(
                f"bolt://127.0.0.1:{server.port}", auth=("neo4j", PASSWORD), notifications_min_severity="OFF"
            ) as driver,
        ):
            if not kept.exists():
                _load(driver, projection)
            for ids in times.warmed_up(starts):
                times(CYPHER, lambda ids=ids: driver.execute_query(_TWO_LINKS, ids=ids))
        if not kept.exists():
            shutil.copytree(Path(place, "data"), kept)
    return {"ms": times.report(), "server": f"Neo4j Community {VERSION}, heap 2g"}


def _load(driver: Driver, projection: Projection) -> None:
    driver.execute_query("CREATE CONSTRAINT term IF NOT EXISTS FOR (t:Term) REQUIRE t.id IS UNIQUE")
    driver.execute_query("UNWIND range(0, $last) AS id CREATE (:Term {id: id})", last=len(projection) - 1)
    rows: list[list[float]] = []
    for term in range(len(projection)):
        near, weights = projection.neighbours(TermId(term))
        rows += [[term, b, w] for b, w in zip(near.tolist(), weights.tolist(), strict=True) if term < b]
        while len(rows) >= _BATCH or (rows and term == len(projection) - 1):
            driver.execute_query(_MAKE_LINKS, rows=rows[:_BATCH])
            del rows[:_BATCH]
