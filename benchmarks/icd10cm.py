"""Inclusion terms of ICD-10-CM as other names (simple-icd-10-cm; the classification is in the public domain)."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache

import simple_icd_10_cm as classification

from strokemap.text import name_key

_NOT_SAID = re.compile(r",? (unspecified|NOS)$| \[[^\]]*\]")
MOST_NAMES = 3


def other_names(text: str) -> tuple[str, ...]:
    """Give up to three other names of the longest run of words in ``text`` that is a name."""
    words = name_key(text).split()
    for length in range(len(words), 0, -1):
        for start in range(len(words) - length + 1):
            if names := _names().get(" ".join(words[start : start + length])):
                return tuple(sorted(names, key=lambda name: (len(name), name)))[:MOST_NAMES]
    return ()


@lru_cache(maxsize=1)
def _names() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for code in classification.get_all_codes():
        given = [classification.get_description(code), *classification.get_inclusion_term(code)]
        names = {_NOT_SAID.sub("", name) for name in given}
        for name in names:
            found[name_key(name)] |= {other for other in names if name_key(other) != name_key(name)}
    return {key: frozenset(names) for key, names in found.items() if names}
