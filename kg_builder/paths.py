"""Shortest paths over the arrays of a projection. Pure and deterministic."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kg_builder.columns import WeightedRows


class _Layer(NamedTuple):
    """The terms at one distance from an end, sorted; the best sum of specificity on the way, and by which term."""

    terms: NDArray[np.int64]
    scores: NDArray[np.float64]
    parents: NDArray[np.int64]


def shortest_path(
    start: int, end: int, *, longest: int, links: WeightedRows, specificities: NDArray[np.float32]
) -> tuple[int, ...]:
    """Give the terms of a shortest path of at most ``longest`` links, both ends included; empty where there is none.

    Searches from both ends, the narrower first. All shortest paths are weighed: the greatest sum of the inner terms'
    specificity wins, then the lower terms.
    """
    if start == end:
        return ()
    sides = [[_Layer(np.array([term]), np.zeros(1), np.array([-1]))] for term in (start, end)]
    for _ in range(longest):
        side = min(sides, key=lambda layers: len(layers[-1].terms))
        layer = _next(side, links=links, specificities=specificities)
        if not len(layer.terms):
            return ()
        side.append(layer)
        if meeting := _meet(sides, specificities):
            return meeting
    return ()


def _next(layers: list[_Layer], *, links: WeightedRows, specificities: NDArray[np.float32]) -> _Layer:
    last = layers[-1]
    rows = [links.row(term)[0] for term in last.terms.tolist()]
    targets = np.concatenate(rows).astype(np.int64)
    parents = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    # A neighbour of this layer lies in this layer, the one before, or the next.
    known = np.concatenate([layer.terms for layer in layers[-2:]])
    new = ~np.isin(targets, known)
    targets, parents = targets[new], parents[new]
    scores = last.scores[parents] + specificities[targets]
    order = np.lexsort((parents, -scores, targets))
    targets, firsts = np.unique(targets[order], return_index=True)
    best = order[firsts]
    return _Layer(targets, scores[best], last.terms[parents[best]])


def _meet(sides: list[list[_Layer]], specificities: NDArray[np.float32]) -> tuple[int, ...]:
    one, other = sides[0][-1], sides[1][-1]
    terms, mine, theirs = np.intersect1d(one.terms, other.terms, assume_unique=True, return_indices=True)
    if not len(terms):
        return ()
    # The meeting term was counted from both sides.
    best = int(np.argmax(np.round(one.scores[mine] + other.scores[theirs] - specificities[terms], 6)))
    meeting = int(terms[best])
    return (*reversed(_back(sides[0], meeting)), *_back(sides[1], meeting)[1:])


def _back(layers: list[_Layer], term: int) -> list[int]:
    way = [term]
    for layer in reversed(layers[1:]):
        way.append(int(layer.parents[np.searchsorted(layer.terms, way[-1])]))
    return way
