"""How much a term says and what it leads to: specificity, and each term's PageRank vector. Pure.

Specificity      log((terms + 1) / (neighbours + 1)) / log(terms + 1): 1 for a term without links, near 0 for one that
                 is linked with all others.
PageRank vector  v = (1 - DAMPING) · s + DAMPING · v · P, with P the link weights divided by each row's sum: where a
                 reader ends who starts at s and stops before each step with probability 1 - DAMPING. Linear in s, so
                 that several starting terms are a weighted sum of their vectors. A vector is cut to its KEPT largest
                 entries of at least LEAST; each entry is right within CHANGE.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from kg_builder.columns import WeightedRows
from strokemap.progress import Progress

DAMPING = 0.5
KEPT = 128
LEAST = 1e-5
CHANGE = 1e-5
_DECIMALS = 7
_BATCH = 64
"""Vectors made at once; fewer reread the matrix too often, more fall out of the processor's cache."""


def specificities(degrees: NDArray[np.int64]) -> NDArray[np.float32]:
    """Give each term's specificity from its number of neighbours; the formula heads this file."""
    terms = len(degrees)
    exact: NDArray[np.float64] = np.log((terms + 1) / (degrees + 1)) / np.log(terms + 1)
    return np.round(exact, 6).astype(np.float32)


def vectors(links: WeightedRows, *, progress: Progress) -> WeightedRows:
    """Give every term's truncated PageRank vector, largest entry first; each link is in both its terms' rows.

    Takes about 7 minutes for 100,000 terms and 1.5 million links on two cores, seconds for 5,000.
    """
    size = len(links.offsets) - 1
    entries = (links.weights.astype(np.float64), links.terms, np.asarray(links.offsets))
    weights = sp.csr_array(entries, shape=(size, size))
    sums = weights.sum(axis=1)
    # A term without links keeps its reader: a step from it leads back to it.
    step = sp.diags_array(1 / np.where(sums > 0, sums, 1)) @ weights + sp.diags_array((sums == 0) * 1.0)
    backwards = (DAMPING * step).T.tocsr().astype(np.float32)
    _, parts = connected_components(weights, directed=False)
    mass = np.where(sums > 0, sums, 1)
    ends = _Ends(parts, (mass / np.bincount(parts, weights=mass)[parts]).astype(np.float32))
    rows: list[tuple[NDArray[np.int32], NDArray[np.float32]]] = []
    # scipy lets go of the interpreter while it multiplies. Each batch is on its own, so threads change no result.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for batch in pool.map(lambda first: _batch(backwards, ends, first), range(0, size, _BATCH)):
            rows.extend(batch)
            progress("PageRank vectors", len(rows), size)
    counts = np.array([0, *(len(terms) for terms, _ in rows)], dtype=np.int64)
    empty = (np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32))
    return WeightedRows(np.cumsum(counts), *map(np.concatenate, zip(*rows, empty, strict=True)))


class _Ends(NamedTuple):
    """Where a walk that never stops ends: each term's share among those that links join it to."""

    parts: NDArray[np.int32]
    shares: NDArray[np.float32]


def _batch(backwards: sp.csr_array, ends: _Ends, first: int) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]:
    size = backwards.shape[0]
    starts = np.arange(first, min(first + _BATCH, size))
    columns = np.arange(len(starts))
    shape = (size, len(starts))
    stopping = sp.csr_array((np.full(len(starts), 1 - DAMPING, dtype=np.float32), (starts, columns)), shape=shape)
    # The first two steps reach few terms, so they are taken over sparse vectors. Walks that go on are taken to be at
    # their end already: a guess that the iteration corrects, and that saves it a step.
    now = (backwards @ (backwards @ stopping + stopping) + stopping).toarray()
    now += np.float32(DAMPING**3) * ends.shares[:, None] * (ends.parts[:, None] == ends.parts[starts])
    change = 1.0
    while change > CHANGE:
        after = backwards @ now
        after[starts, columns] += 1 - DAMPING
        np.subtract(after, now, out=now)
        now, change = after, max(float(now.max()), -float(now.min()))
    return [_largest(vector) for vector in np.ascontiguousarray(now.T)]


def _largest(vector: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    terms = np.flatnonzero(vector >= LEAST)
    # Rounded before ranking: the last bits may depend on the machine, the order should not.
    entries = np.round(vector[terms].astype(np.float64), _DECIMALS)
    if len(terms) > KEPT:
        large = entries >= np.partition(entries, -KEPT)[-KEPT]
        terms, entries = terms[large], entries[large]
    order = np.lexsort((terms, -entries))[:KEPT]
    return terms[order].astype(np.int32), entries[order].astype(np.float32)
