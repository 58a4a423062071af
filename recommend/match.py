"""How far an article is about a need: by its subjects, focus and title, and by the map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kg_builder.projection import Projection, TermId
from recommend.needs import Need
from search.article import Article
from strokemap.text import name_key

_LATER_NAME = 0.1
_LEAST_NAME = 0.6
_LATER_SUBJECT = 0.8
_OTHER_NAME = 0.9
_IN_TITLE = 0.7
_NEIGHBOUR = 0.35
SMALL_WORDS = frozenset(
    str.split(
        "a about an and are as at be by do does for from have how i if in is it its me my of on or the to with you your"
    )
)
# In a title these ask for a side of the subject; they do not name another one.
_SIDES = frozenset(
    str.split(
        "after can cause information know living need outlook prevent risk symptom treatment up what when which who why"
    )
)


def name_keys(need: Need, *, projection: Projection) -> Mapping[str, float]:
    """Give a need's keys with how well each names it: 1 for its own name, a little less for each fallback.

    The names are those of the table of codes, and those that the map has for the term.
    """
    keys: dict[str, float] = {}
    for rank, name in enumerate(need.names):
        keys.setdefault(name_key(name), max(_LEAST_NAME, 1 - _LATER_NAME * rank))
    if need.term is not None:
        worth = keys.get(name_key(projection.titles[need.term]), 1.0) * _OTHER_NAME
        for name in projection.other_names(need.term):
            keys.setdefault(name_key(name), worth)
    keys.pop("", None)
    return keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """What an article says it is about, as keys."""

    subjects: tuple[str, ...]
    synonyms: tuple[str, ...]
    title: str

    @classmethod
    def of(cls, article: Article) -> Topics:
        """Read the article's own fields."""
        subjects = dict.fromkeys(name_key(text) for text in (article.focus, *article.subjects) if text)
        return cls(
            subjects=tuple(key for key in subjects if key),
            synonyms=tuple(key for key in map(name_key, article.synonyms) if key),
            title=name_key(article.title),
        )


def aboutness(topics: Topics, keys: Mapping[str, float], *, all_words: frozenset[str]) -> float:
    """Give 0 to 1: how fully the article is about the need.

    A subject that is one of the names counts whole. A longer one, or a title, that contains a name counts by the square
    of the share of its words that needs of the patient account for (``all_words``): "Pulmonary hypertension" is hardly
    about hypertension, "Atrial fibrillation and stroke" wholly about what a patient with both has.
    """
    best = max((keys.get(key, 0.0) * _OTHER_NAME for key in topics.synonyms), default=0.0)
    for rank, subject in enumerate(topics.subjects):
        place = 1.0 if rank == 0 else _LATER_SUBJECT
        best = max(best, keys.get(subject, 0.0) * place, _within(subject, keys, all_words=all_words) * place)
    return max(best, _within(topics.title, keys, all_words=all_words) * _IN_TITLE)


def _within(text: str, keys: Mapping[str, float], *, all_words: frozenset[str]) -> float:
    worth = max((worth for key, worth in keys.items() if f" {key} " in f" {text} "), default=0.0)
    content = [word for word in text.split() if word not in SMALL_WORDS | _SIDES]
    return worth * (sum(word in all_words for word in content) / len(content)) ** 2 if worth and content else 0.0


def spread(need: Need, *, projection: Projection) -> Mapping[TermId, float]:
    """Spread a need over the map: the nearness of each term reached, 1 for the need's own.

    The strongest other term of the stored vector counts about a third, the rest in proportion.
    """
    if need.term is None:
        return {}
    terms, values = projection.vector(need.term)
    mass = {TermId(int(term)): float(value) for term, value in zip(terms, values, strict=True)}
    most = max((value for term, value in mass.items() if term != need.term), default=1.0)
    return {term: _NEIGHBOUR * value / most for term, value in mass.items()} | {need.term: 1.0}


def terms_of(topics: Topics, *, projection: Projection) -> tuple[TermId, ...]:
    """Give the map's terms among an article's subjects; where there are none, the term that its other names name."""
    for keys in (topics.subjects, topics.synonyms, (topics.title,)):
        found = [names[0].term for names in map(projection.find, keys) if names]
        if found:
            return tuple(dict.fromkeys(found))
    return ()
