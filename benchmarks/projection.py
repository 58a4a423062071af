"""Projections of made-up maps: seconds to make, milliseconds to open, size on disk and in memory, rightness of vectors.

    python -m benchmarks.projection [--terms 5000 100000] [--links 300000 1500000]

Each map is projected in a process of its own and opened in others. Writes docs/evidence/projection.json.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.evidence import Measured, write
from benchmarks.map_stores import memory
from kg_builder.model import Build
from kg_builder.projection import Projection, TermId, make_projection

OPENINGS = 15
SAMPLE = 100
TOP = 20


def make(folder: Path, *, terms: int, links: int) -> Measured:
    """Make a projection and time it, its PageRank vectors by themselves."""
    # Imported only here, that the memory of a process which opens a projection is not that of making one.
    from benchmarks.made_up import made_up_map

    build = made_up_map(terms=terms, links=links)
    before = memory()
    took = time_making(build, folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    return took | {"make_rss_mb_before": before, "make_rss_mb_peak": memory(), "size_mb": size // 1_000_000}


def time_making(build: Build, folder: Path) -> Measured:
    """Make a build's projection; the seconds that it took, and its PageRank vectors by themselves."""
    started, vectors = time.monotonic(), [0.0, 0.0]

    def progress(what: str, _done: int, _total: int | None) -> None:
        if what == "PageRank vectors":
            vectors[0] = vectors[0] or time.monotonic()
            vectors[1] = time.monotonic()

    make_projection(build, texts=(), folder=folder, progress=progress)
    return {
        "make_seconds": round(time.monotonic() - started, 1),
        "of_it_vectors_seconds": round(vectors[1] - vectors[0], 1),
    }


def use(folder: Path) -> Measured:
    """Open a projection that this process has not seen, then read from it at random as search does."""
    before, started = memory("VmRSS"), time.monotonic()
    projection = Projection.open(folder)
    opened = time.monotonic() - started
    at_opening, chance = memory("VmRSS"), random.Random(1)
    reads = []
    for _ in range(1_000):
        started = time.monotonic()
        term = TermId(chance.randrange(len(projection)))
        projection.vector(term)
        projection.neighbours(term)
        projection.find(projection.titles[term].casefold())
        reads.append(time.monotonic() - started)
    return {
        "open_ms": round(opened * 1000, 1),
        "rss_mb_before": before,
        "rss_mb_open": at_opening,
        "rss_mb_after_1000_terms": memory("VmRSS"),
        "read_term_p50_ms": round(sorted(reads)[500] * 1000, 3),
    }


def check(folder: Path) -> Measured:
    """Hold the vectors of some terms against a power iteration in double precision that runs until nothing changes."""
    from kg_builder.pagerank import LEAST

    projection = Projection.open(folder)
    size = len(projection)
    offsets, neighbours = projection.links()
    weights = np.concatenate([projection.neighbours(TermId(term))[1] for term in range(size)]).astype(np.float64)
    sources = np.repeat(np.arange(size), np.diff(offsets))
    sums = np.bincount(sources, weights=weights, minlength=size)
    shares, overlaps, errors = weights / sums[sources], [], []
    for start in random.Random(3).sample(range(size), min(SAMPLE, size)):
        vector, change = np.zeros(size), 1.0
        while change > 1e-12:
            after = 0.5 * np.bincount(neighbours, weights=shares * vector[sources], minlength=size)
            after[sums == 0] += 0.5 * vector[sums == 0]  # a term without links keeps its reader
            after[start] += 0.5
            vector, change = after, float(np.abs(after - vector).max())
        terms, entries = projection.vector(TermId(start))
        best = np.lexsort((np.arange(size), -vector))[:TOP]
        best = best[vector[best] >= LEAST]
        # Terms whose exact entries tie with the last one are as right as it is.
        good = np.flatnonzero(vector >= vector[best[-1]] - 1e-9)
        overlaps.append(len(np.intersect1d(terms[: len(best)], good)) / len(best))
        errors.append(float(np.abs(entries - vector[terms]).max()))
    return {
        "checked_vectors": len(overlaps),
        "top_20_overlap_mean": round(sum(overlaps) / len(overlaps), 4),
        "top_20_overlap_least": min(overlaps),
        "greatest_error": float(f"{max(errors):.2g}"),
    }


def measure(terms: int, links: int) -> Measured:
    """Measure one size; the openings are told by their median and worst."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "projection"
        made = _in_a_process("make", folder, f"--terms={terms}", f"--links={links}")
        used = [_in_a_process("use", folder) for _ in range(OPENINGS)]
        used.sort(key=lambda one: float(str(one["open_ms"])))
        checked = _in_a_process("check", folder)
    opened = {"open_ms_worst": used[-1]["open_ms"]} | used[OPENINGS // 2]
    return {"terms": terms, "links": links} | made | opened | checked


def _in_a_process(task: str, folder: Path, *words: str) -> Measured:
    command = [sys.executable, "-m", "benchmarks.projection", "--task", task, "--folder", str(folder), *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Measure all sizes, or do one task of one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--terms", type=int, nargs="+", default=[5_000, 100_000])
    parser.add_argument("--links", type=int, nargs="+", default=[300_000, 1_500_000])
    parser.add_argument("--task", choices=("make", "use", "check"))
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.task:
        sizes = {"terms": given.terms[0], "links": given.links[0]} if given.task == "make" else {}
        print(json.dumps({"make": make, "use": use, "check": check}[given.task](given.folder, **sizes)))
        return
    measured = [measure(*sizes) for sizes in zip(given.terms, given.links, strict=True)]
    write("projection", {"maps": measured}, command="python -m benchmarks.projection")


if __name__ == "__main__":
    main()
