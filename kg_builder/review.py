"""What deserves a curator's look in a published map: terms that hang loose, and terms that may be one and the same.

Duplicates   two terms with a name in common (folded, without plural endings); with titles one slip of the pen apart; or
             with mostly the same neighbours. No pair is compared that does not share a name, a title less one letter,
             or a band of a MinHash signature (Broder 1997) of its neighbours, so the time grows with the map, not with
             its square.

Pure, and the same each time.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, combinations
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from kg_builder.projection import Projection, TermId
from strokemap.text import name_key

LEAST_LETTERS = 6
"""Shorter titles are a letter apart from too many others."""
LEAST_ALIKE = 0.75
"""Share of common neighbours among all neighbours of both."""
LEAST_NEIGHBOURS = 5
_CROWD = 20
"""What more terms than this have in common says nothing about any two of them."""
_SHORT_WORD = 3
_BANDS, _ROWS = 8, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two terms that may be one, and what speaks for it; ``score`` is at most 3."""

    term: str
    other: str
    score: float
    reasons: tuple[str, ...]


def find_orphans(projection: Projection) -> tuple[str, ...]:
    """Give the titles of terms that no chain of links joins to a starting term, sorted."""
    # Slow to import, and this module is imported with the faces.
    import scipy.sparse as sp
    from scipy.sparse.csgraph import connected_components

    offsets, neighbours = projection.links()
    graph = sp.csr_array((np.ones(len(neighbours), dtype=np.int8), neighbours, offsets), shape=(len(projection),) * 2)
    _, parts = connected_components(graph, directed=False)
    starting = [parts[term] for term in range(len(projection)) if not projection.path_length(TermId(term))]
    loose = np.flatnonzero(~np.isin(parts, starting))
    return tuple(projection.titles[term] for term in loose.tolist())


def find_duplicates(projection: Projection, *, settled: Collection[str] = (), limit: int) -> tuple[Pair, ...]:
    """Give the likeliest pairs first, the term with more links in front; pairs of two settled terms are left out."""
    keys = [name_key(title) for title in projection.titles]
    found: dict[tuple[int, int], list[tuple[float, str]]] = defaultdict(list)
    for pair, name in _common_names(projection, keys):
        found[pair].append((1.0, f"both are called “{name}”"))
    for a, b in _slips(keys):
        found[a, b].append((0.9, "their titles are a letter apart"))
    for pair, alike, common in _same_company(projection):
        found[pair].append((alike, f"{common} neighbours in common, {alike:.0%} of all"))
    ranked = sorted(found, key=lambda pair: (-sum(score for score, _ in found[pair]), pair))
    pairs = (_pair(projection, *terms, found[terms]) for terms in ranked)
    open_pairs = (pair for pair in pairs if not {pair.term, pair.other} <= set(settled))
    return tuple(pair for pair, _ in zip(open_pairs, range(max(limit, 0)), strict=False))


def _pair(projection: Projection, a: int, b: int, found: Iterable[tuple[float, str]]) -> Pair:
    first, second = sorted((a, b), key=lambda term: (-len(projection.neighbours(TermId(term))[0]), term))
    return Pair(
        term=projection.titles[first],
        other=projection.titles[second],
        score=round(sum(score for score, _ in found), 2),
        reasons=tuple(reason for _, reason in found),
    )


def _common_names(projection: Projection, keys: list[str]) -> Iterator[tuple[tuple[int, int], str]]:
    called: dict[str, set[int]] = defaultdict(set)
    for term, key in enumerate(keys):
        for name in (key, *map(name_key, projection.other_names(TermId(term)))):
            called[name].add(term)
    told = set()
    for name, terms in sorted(called.items()):
        for pair in _pairs(terms) if name else ():
            if pair not in told:
                told.add(pair)
                yield pair, name


def _slips(keys: list[str]) -> list[tuple[int, int]]:
    """Give the titles that one letter more, less or otherwise, or two swapped, turn into each other."""
    cuts, owners = array("Q"), array("I")
    for term, key in enumerate(keys):
        if len(key) >= LEAST_LETTERS:
            shorter = {key, *(key[:at] + key[at + 1 :] for at in range(len(key)))}
            # Checksums instead of texts: a tenth of the memory. A pair that only these bring together is no slip.
            cuts.extend(crc32(cut.encode()) for cut in shorter)
            owners.extend([term] * len(shorter))
    terms = np.array(owners, dtype=np.int64)
    pairs = {pair for group in _groups(np.array(cuts)) for pair in _pairs(set(terms[group].tolist()))}
    return sorted((a, b) for a, b in pairs if _one_slip(keys[a], keys[b]))


def _one_slip(one: str, other: str) -> bool:
    # A short word is no slip of another: vitamin C and D, world war I and II.
    if any(len(word) <= _SHORT_WORD for word in set(one.split()) ^ set(other.split())):
        return False
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    slip = max(len(one), len(other)) == 1 or (len(one) == 2 and one == other[::-1])
    return slip and not any(map(str.isdigit, one + other))


def _same_company(projection: Projection) -> Iterator[tuple[tuple[int, int], float, int]]:
    offsets, neighbours = projection.links()
    degrees = np.diff(offsets)
    terms = np.flatnonzero(degrees >= LEAST_NEIGHBOURS)
    if not len(terms):
        return
    theirs = neighbours[np.repeat(degrees >= LEAST_NEIGHBOURS, degrees)].astype(np.uint64)
    starts = np.cumsum(degrees[terms]) - degrees[terms]
    groups = chain.from_iterable(_groups(_signature(theirs, starts, band=band)) for band in range(_BANDS))
    candidates = {pair for group in groups for pair in _pairs(terms[group].tolist())}
    for a, b in sorted(candidates):
        one, other = (projection.neighbours(TermId(term))[0] for term in (a, b))
        common = len(np.intersect1d(one, other, assume_unique=True))
        alike = common / len(np.setdiff1d(np.union1d(one, other), [a, b]))
        if alike >= LEAST_ALIKE and common >= LEAST_NEIGHBOURS:
            yield (a, b), alike, common


def _signature(neighbours: NDArray[np.uint64], starts: NDArray[np.int64], *, band: int) -> NDArray[np.uint64]:
    """Give the least hash of each row's neighbours by ``_ROWS`` hash functions, folded into one number."""
    folded = np.zeros(len(starts), dtype=np.uint64)
    for row in range(band * _ROWS, (band + 1) * _ROWS):
        # An odd factor and a shift mix the bits (Fibonacci hashing); each row has a factor of its own.
        mixed = (neighbours + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15 + 2 * row * 0x632BE5AB)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        folded = folded * np.uint64(31) + np.minimum.reduceat(mixed, starts)
    return folded


def _groups(values: NDArray[np.uint64]) -> list[NDArray[np.int64]]:
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] + np.uint64(1)))
    sizes = np.diff(starts, append=len(order))
    several = sizes > 1
    return [order[start : start + size] for start, size in zip(starts[several], sizes[several], strict=True)]


def _pairs(terms: Collection[int]) -> Iterator[tuple[int, int]]:
    return combinations(sorted(terms), 2) if 1 < len(terms) <= _CROWD else iter(())
