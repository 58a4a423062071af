"""Judges that measure nothing: the vocabulary rule of the paper, and following every link."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kg_builder.judge.base import Context
from kg_builder.model import Candidate, Judgement, Page
from strokemap.text import name_key

SHORTEST_PART = 4
"""Letters: shorter names, abbreviations as a rule, count only when they are the whole name."""


class EverythingJudge:
    """Accepts every candidate, so that the path length alone decides."""

    name = "everything"

    def worth_reading(self, title: str, sentences: Sequence[str]) -> bool:  # noqa: ARG002
        """Read all."""
        return True

    def judge(self, candidates: Sequence[Candidate], *, context: Context) -> list[Judgement]:  # noqa: ARG002
        """Accept all, with score 1."""
        titles = sorted(candidate.page.title for candidate in candidates)
        return [
            Judgement(title=title, accepted=True, score=1.0, reasons=("Every link is followed.",)) for title in titles
        ]


class VocabularyJudge:
    """Accepts a candidate if its title or another name is in the vocabulary: the starting terms and their other names.

    The rule is read generously: a name that holds one of the vocabulary as whole words is in it, too ("Stroke recovery"
    by "Stroke"); else it would accept no page that is not named outright.
    """

    name = "vocabulary"

    def worth_reading(self, title: str, sentences: Sequence[str]) -> bool:  # noqa: ARG002
        """Read all: a page may have other names than the one that is linked."""
        return True

    def judge(self, candidates: Sequence[Candidate], *, context: Context) -> list[Judgement]:
        """Accept with score 1 or reject with score 0; the reason names the word found."""
        vocabulary = vocabulary_of(context.starting, terms=context.topic.starting_terms)
        judgements = []
        for page in sorted((candidate.page for candidate in candidates), key=lambda page: page.title):
            found = find_in(page.names, vocabulary)
            why = f"Its name has “{found}” of the vocabulary." if found else "None of its names is in the vocabulary."
            judgement = Judgement(title=page.title, accepted=bool(found), score=float(bool(found)), reasons=(why,))
            judgements.append(judgement)
        return judgements


def vocabulary_of(starting: Iterable[Page], *, terms: Iterable[str]) -> frozenset[str]:
    """Give the keys of all names that make up the vocabulary."""
    names = [name for page in starting for name in page.names]
    return frozenset(key for name in (*names, *terms) if (key := name_key(name)))


def find_in(names: Iterable[str], vocabulary: frozenset[str]) -> str:
    """Give the first key of the vocabulary, by alphabet, that one of the names is or holds; "" for none."""
    keys = {name_key(name) for name in names}
    return min((entry for entry in vocabulary for key in keys if _holds(key, entry)), default="")


def _holds(key: str, entry: str) -> bool:
    return key == entry or (len(entry) >= SHORTEST_PART and f" {entry} " in f" {key} ")
