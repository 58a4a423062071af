"""A reader's words: what is searched, what is quoted, what is left out. Any string is legal, only its length is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal, TypeAlias, get_args

from search.article import KINDS, STAGES
from strokemap.errors import QueryInvalid
from strokemap.text import fold, word_spans

Audience: TypeAlias = Literal["clinician", "patient"]
AUDIENCES: tuple[str, ...] = get_args(Audience)
MOST_CHARACTERS = 10_000
MOST_RESULTS = 1_000

_QUOTED = re.compile(r"(?P<minus>(?<!\S)-)?(?:\"(?P<plain>[^\"]+)\"|“(?P<curly>[^”]+)”)")
# A digit after the dash is a number ("-70 degrees"), a dash after a letter a hyphen ("x-ray"): neither leaves out.
_DASHED = re.compile(r"(?<!\S)-(?P<word>[^\W\d_]\w*(?:[-‐–'’]\w+)*)")
_PAUSE = re.compile(r"[,.;:!?()\[\]\n]")
_WITHOUT = "without"
_ALTERNATIVE = frozenset({"or", "nor"})
_PASSED_OVER = frozenset(str.split("a an any the my his her their your our no having"))
_ENDS = frozenset(
    str.split(
        "and but with who which that in on at after before during for from by to of as if when while is are was were "
        "has have can could should would may might do does did how what why where"
    )
)
_MOST_WORDS_WITHOUT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a result must be; the empty string stands for anything."""

    source: str = ""
    kind: str = ""
    stage: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a reader asks, with every switch that changes the answer."""

    text: str
    audience: str = "clinician"
    expand: bool = True
    with_terms: tuple[str, ...] = ()
    without_terms: tuple[str, ...] = ()
    limit: int = 10
    offset: int = 0
    """So many of the best results are passed over: the next page of a list."""
    filters: Filters = field(default_factory=Filters)
    index: str = ""
    """Digest of the text index that the pages before came from; empty for a first page."""

    def __post_init__(self) -> None:
        # A shell or JSON may send half a character.
        whole = {
            "text": make_whole(self.text),
            "with_terms": tuple(map(make_whole, self.with_terms)),
            "without_terms": tuple(map(make_whole, self.without_terms)),
            "filters": replace(self.filters, source=make_whole(self.filters.source)),
        }
        for name, value in whole.items():
            object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A stretch of a text."""

    start: int
    end: int

    def within(self, places: Iterable[Place]) -> bool:
        """Tell whether the whole stretch lies in one of ``places``."""
        return any(place.start <= self.start and self.end <= place.end for place in places)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word(Place):
    """One word as it stands in the query."""

    surface: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion(Place):
    """A stretch of the query to leave out.

    ``firm`` (“-X”) leaves out every article in which it stands; the soft kind (“without X”) only those about it, for
    much that a reader who is spared X wants to read mentions X.
    """

    firm: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A query taken apart. The words lie in order and include those quoted and left out, not the word “without”."""

    text: str
    words: tuple[Word, ...]
    quoted: tuple[Place, ...]
    """Stretches that an article must hold as they are."""
    excluded: tuple[Exclusion, ...]
    corrected: Mapping[str, str] = field(default_factory=dict)
    """The folded word that was meant, for each folded word that is misspelt (spelling.py)."""


def as_meant(text: str, corrected: Mapping[str, str]) -> str:
    """Give a text with the words that were meant in place of those misspelt."""
    for start, end in reversed(word_spans(text)):
        text = text[:start] + corrected.get(fold(text[start:end]), text[start:end]) + text[end:]
    return text


def make_whole(text: str) -> str:
    """Give a text with “?” in place of each half of a character, which can't be indexed, recorded or printed."""
    return text.encode(errors="replace").decode()


def read_words(query: Query) -> Words:
    """Take a query apart. Errors: QueryInvalid where it is too long, or a switch has an impossible value."""
    _check(query)
    text = query.text
    words = [Word(surface=text[start:end], start=start, end=end) for start, end in word_spans(text)]
    quoted, excluded = _quotes_and_dashes(text)
    markers, soft = _without(text, words, taken=[*quoted, *excluded])
    return Words(
        text=text,
        words=tuple(word for at, word in enumerate(words) if at not in markers),
        quoted=tuple(quoted),
        excluded=tuple(sorted([*excluded, *soft], key=lambda item: item.start)),
    )


def _check(query: Query) -> None:
    if len(query.text) > MOST_CHARACTERS:
        message = f"The query has more than {MOST_CHARACTERS:,} characters."
        raise QueryInvalid(message, hint="Give a few words.", where="query")
    for name, value, allowed in (
        ("audience", query.audience, AUDIENCES),
        ("kind", query.filters.kind, ("", *KINDS)),
        ("stage", query.filters.stage, ("", *STAGES)),
    ):
        if value not in allowed:
            hint = f"Give one of: {', '.join(filter(None, allowed))}."
            raise QueryInvalid(f"No such {name}.", hint=hint, where=name)
    if not 1 <= query.limit <= MOST_RESULTS:
        message = f"The limit must be a whole number from 1 to {MOST_RESULTS:,}."
        raise QueryInvalid(message, hint="Give 10.", where="limit")
    if not 0 <= query.offset <= MOST_RESULTS - query.limit:
        message = f"Only the first {MOST_RESULTS:,} results can be shown."
        raise QueryInvalid(message, hint="Ask with more words, or with a filter.", where="offset")


def _quotes_and_dashes(text: str) -> tuple[list[Place], list[Exclusion]]:
    quoted, excluded = [], []
    for match in _QUOTED.finditer(text):
        start, end = match.span("curly" if match["plain"] is None else "plain")
        if match["minus"] is None:
            quoted.append(Place(start=start, end=end))
        else:
            excluded.append(Exclusion(start=start, end=end, firm=True))
    # A dash inside quotes leaves nothing out.
    outside = _QUOTED.sub(lambda match: '"' * len(match[0]), text)
    for match in _DASHED.finditer(outside):
        excluded.append(Exclusion(start=match.start("word"), end=match.end("word"), firm=True))
    return quoted, excluded


def _without(text: str, words: Sequence[Word], *, taken: Sequence[Place]) -> tuple[frozenset[int], list[Exclusion]]:
    markers: set[int] = set()
    found: list[Exclusion] = []
    for at, word in enumerate(words):
        if fold(word.surface) == _WITHOUT and not word.within(taken):
            runs = list(_runs(text, words[at:], taken=taken))
            if runs:
                # Where nothing follows, “without” stays a word like any other.
                markers.add(at)
                found += [Exclusion(start=run[0].start, end=run[-1].end, firm=False) for run in runs]
    return frozenset(markers), found


def _runs(text: str, words: Sequence[Word], *, taken: Sequence[Place]) -> Iterator[list[Word]]:
    """Give each run of words after a “without”, the first word, up to a pause or a small word; “or” starts another."""
    run: list[Word] = []
    for before, word in pairwise(words):
        folded = fold(word.surface)
        paused = _PAUSE.search(text, before.end, word.start) is not None
        if paused or word.within(taken) or folded in _ENDS or folded == _WITHOUT or len(run) == _MOST_WORDS_WITHOUT:
            break
        if folded in _ALTERNATIVE:
            if run:
                yield run
            run = []
        elif run or folded not in _PASSED_OVER:
            run.append(word)
    if run:
        yield run
