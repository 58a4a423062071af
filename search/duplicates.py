"""Near-duplicates: articles whose runs of four words are nearly all the same.

Candidates meet under bands of a MinHash sketch: one permutation, 20 bins (Li, Owen and Zhang 2012), 4 bands of 5. Two
share a band with a chance of .997 at a likeness of .95, of .12 at .5, of .001 at .2. Whether they are alike is then
decided exactly. On 4,859 health articles .95 is where the same text begins; at .9 lie articles that differ in the group
of people that they are for. A library (datasketch) found the same 107 pairs there, and takes a second to import, longer
than the whole edit of an article may take.
"""

from __future__ import annotations

import zlib
from typing import TypeAlias

from search.article import Article
from strokemap.text import words

LEAST_ALIKE = 0.95
_RUN = 4
_BANDS, _ROWS = 4, 5
_EMPTY = 2**32

Runs: TypeAlias = frozenset[bytes]


def runs(article: Article) -> Runs:
    """Give the runs of four words of title and text; a shorter article is one run."""
    found = [word.encode() for word in words(f"{article.title} {article.text}")]
    return frozenset(b" ".join(found[at : at + _RUN]) for at in range(max(1, len(found) - _RUN + 1)))


def bands(some: Runs) -> tuple[bytes, ...]:
    """Give the keys under which near-duplicates meet: two that are alike nearly always share one."""
    least = [_EMPTY] * (_BANDS * _ROWS)
    for value in map(zlib.crc32, some):
        place = value % len(least)
        least[place] = min(least[place], value)
    return tuple(
        bytes([band]) + b"".join(value.to_bytes(5, "big") for value in least[band * _ROWS : (band + 1) * _ROWS])
        for band in range(_BANDS)
    )


def are_alike(one: Runs, other: Runs) -> bool:
    """Tell whether two share at least ``LEAST_ALIKE`` of the runs that either has."""
    return len(one & other) >= LEAST_ALIKE * len(one | other)
