"""What can be read: one article, from the library or from a page of the map, and the words allowed in its fields."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Literal, TypeAlias, cast, get_args

Kind: TypeAlias = Literal["understand", "do", "prevent", "care", "after-care", "caregiver"]
Stage: TypeAlias = Literal["at risk", "acute", "early", "late", "life after"]
KINDS: tuple[Kind, ...] = get_args(Kind)
STAGES: tuple[Stage, ...] = get_args(Stage)
"""No stroke yet · days 0-7 · day 8 to 3 months · 3 to 12 months · later."""
EASY_GRADE = 8.0
"""What has a reading grade up to this is easy to read; a harder section of a page is for clinicians."""
LIBRARY = "lib:"
WIKI = "wiki:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One thing to read. Fields that nobody filled are empty."""

    id: str
    """``lib:<id>`` for an imported article, ``wiki:<title>#<section>`` for a section of a page of the map."""
    title: str
    text: str
    url: str = ""
    source: str = ""
    kind: str = ""
    audience: str = ""
    stage: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    """Titles of terms that a person named as what it is about."""
    synonyms: tuple[str, ...] = ()
    focus: str = ""
    language: str = ""
    date: str = ""
    review_by: str = ""
    """The day, month or year by which a person should look at it again; the date as ``2026``, ``2026-11`` or a day."""
    licence: str = ""
    reading_grade: float | None = None
    terms: tuple[str, ...] = ()
    """Titles of the map's terms that it names, the most telling first: found by the linker, or set by a person."""

    @property
    def length(self) -> int:
        """Give the number of words of the text, parted by white space."""
        return len(self.text.split())

    @property
    def ease(self) -> str:
        """Give ``clinician`` for what is written for them, ``easy`` for what is easy to read, else the empty string."""
        easy = self.reading_grade is not None and self.reading_grade <= EASY_GRADE
        return "clinician" if self.audience == "clinician" else "easy" if easy else ""

    @property
    def role(self) -> str:
        """Give ``lead`` for the first section of a page, ``section`` for any other, ``article`` for the library's."""
        return "article" if not self.id.startswith(WIKI) else "section" if self.section else "lead"

    @property
    def section(self) -> str:
        """Give the heading of a page's section, or the empty string."""
        return self.id.partition("#")[2] if self.id.startswith(WIKI) else ""


def is_overdue(article: Article, *, today: date) -> bool:
    """Tell whether an article is past its review date; a month or a year is past when all of it is."""
    return bool(article.review_by) and today.isoformat()[: len(article.review_by)] > article.review_by


def format_article(article: Article) -> str:
    """Write an article as one line of JSON, the same for equal articles."""
    return json.dumps(asdict(article), ensure_ascii=False, sort_keys=True)


def article_digest(article: Article) -> str:
    """Give the SHA-256 of an article: equal articles, equal digest."""
    return hashlib.sha256(format_article(article).encode()).hexdigest()


def parse_article(text: str) -> Article:
    """Read what ``format_article`` wrote."""
    fields = cast(Mapping[str, object], json.loads(text))
    # JSON has lists only; the fields that hold several values are tuples.
    return Article(**{key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()})  # type: ignore[arg-type]
