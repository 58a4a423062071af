"""Shortest paths over the arrays of a projection. Pure and deterministic."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kg_builder.columns import WeightedRows


class _Layer(NamedTuple):
    """The terms at one distance from an end, sorted; the best sum of specificity on the way, and by which term."""

    terms: NDArray[np.int32]
    scores: NDArray[np.float64]
    parents: NDArray[np.int32]


def shortest_path(
    start: int, end: int, *, longest: int, links: WeightedRows, specificities: NDArray[np.float32]
) -> tuple[int, ...]:
    """Give the terms of a shortest path of at most ``longest`` links, both ends included; empty where there is none.

    Searches from both ends, the narrower first. All shortest paths are weighed: the greatest sum of the inner terms'
    specificity wins, then the lower terms.
    """
    if start == end:
        return ()
    sides = [[_first(term)] for term in (start, end)]
    for _ in range(longest):
        side = min(sides, key=lambda layers: len(layers[-1].terms))
        layer = _next(side, links=links, specificities=specificities)
        if not len(layer.terms):
            return ()
        side.append(layer)
        if meeting := _meet(sides, specificities):
            return meeting
    return ()


def _first(term: int) -> _Layer:
    return _Layer(np.array([term], dtype=np.int32), np.zeros(1), np.array([-1], dtype=np.int32))


def _next(layers: list[_Layer], *, links: WeightedRows, specificities: NDArray[np.float32]) -> _Layer:
    last = layers[-1]
    rows = [links.row(term)[0] for term in last.terms.tolist()]
    if len(layers) == 1:
        # A term's own neighbours are in order, and each is there once.
        return _Layer(rows[0], specificities[rows[0]].astype(np.float64), np.repeat(last.terms, len(rows[0])))
    targets = np.concatenate(rows)
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
    few, many = sorted((layers[-1] for layers in sides), key=lambda layer: len(layer.terms))
    # The few are looked up among the many, of which a term linked with half the map has half the map.
    places = np.minimum(np.searchsorted(many.terms, few.terms), len(many.terms) - 1)
    met = np.flatnonzero(many.terms[places] == few.terms)
    if not len(met):
        return ()
    terms, places = few.terms[met], places[met]
    # The meeting term was counted from both sides.
    best = int(np.argmax(np.round(few.scores[met] + many.scores[places] - specificities[terms], 6)))
    meeting = int(terms[best])
    return (*reversed(_back(sides[0], meeting)), *_back(sides[1], meeting)[1:])


def _back(layers: list[_Layer], term: int) -> list[int]:
    way = [term]
    for layer in reversed(layers[1:]):
        way.append(int(layer.parents[np.searchsorted(layer.terms, way[-1])]))
    return way
