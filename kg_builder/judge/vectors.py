"""Bags of words or of links as weighted, length-normalised rows, and how alike two of them are. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]


def weighted_rows(bags: Sequence[Sequence[Hashable]]) -> sparse.csr_matrix:
    """Give a TF-IDF row of length 1 for each bag: what many bags hold counts little, repeats count by logarithm."""
    columns: dict[Hashable, int] = {}
    indices: list[int] = []
    counts: list[int] = []
    ends = [0]
    for bag in bags:
        for item, count in Counter(bag).items():
            indices.append(columns.setdefault(item, len(columns)))
            counts.append(count)
        ends.append(len(indices))
    weights = 1.0 + np.log(np.asarray(counts, dtype=np.float64))
    rows = sparse.csr_matrix((weights, indices, ends), shape=(len(bags), max(1, len(columns))))
    found_in = np.bincount(rows.indices, minlength=rows.shape[1])
    rows = rows @ sparse.diags(np.log((1.0 + len(bags)) / (1.0 + found_in)))
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sparse.csr_matrix(sparse.diags(1.0 / np.where(lengths > 0, lengths, 1.0)) @ rows)


def likeness(rows: sparse.csr_matrix, *, of: Sequence[int], to: Sequence[int]) -> Floats:
    """Give the cosine of each row in ``of`` with each in ``to``; NaN where a row meets itself."""
    cosines = np.asarray((rows[of] @ rows[to].T).toarray(), dtype=np.float64)
    cosines[np.equal.outer(np.asarray(of), np.asarray(to))] = np.nan
    return cosines


def mean_of_closest(cosines: Floats, *, count: int) -> Floats:
    """Give the mean of each line's ``count`` largest numbers, NaN left out; 0 for a line without any."""
    ranked = -np.sort(-np.nan_to_num(cosines, nan=-1.0), axis=1)[:, :count]
    there = ranked >= 0
    return np.asarray(np.where(there, ranked, 0).sum(axis=1) / np.maximum(1, there.sum(axis=1)), dtype=np.float64)
