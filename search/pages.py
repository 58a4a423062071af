"""The map's own pages as articles, one for each section."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

from kg_builder.model import Site
from kg_builder.projection import Projection
from search.article import EASY_GRADE, WIKI, Article
from search.reading import reading_grade

# Sections that hold no text to read, only pointers elsewhere.
_NO_READING = frozenset(
    ["references", "external links", "see also", "further reading", "notes", "bibliography", "sources"]
)


def page_articles(projection: Projection) -> Iterator[Article]:
    """Give the sections that have text, in the order of the pages. Parts under one repeated heading are one article."""
    for page in projection.texts():
        texts: dict[str, list[str]] = {}
        for section in page.sections:
            if section.text.strip() and section.heading.casefold() not in _NO_READING:
                texts.setdefault(section.heading, []).append(section.text.strip())
        for heading, parts in texts.items():
            text = unicodedata.normalize("NFC", "\n".join(parts))
            yield _article(page.title, heading, text, site=projection.site)


def page_url(title: str, section: str, *, site: Site) -> str:
    """Give the address of a section on its wiki; the empty string where the export does not say whose it is."""
    if not site.address:
        return ""
    address = site.address + quote(title.replace(" ", "_"), safe="")
    return f"{address}#{quote(section.replace(' ', '_'), safe='')}" if section else address


def _article(title: str, heading: str, text: str, *, site: Site) -> Article:
    grade = reading_grade(text)
    # An export does not say its licence.
    of_wikipedia = f".{urlsplit(site.address).hostname}".endswith(".wikipedia.org")
    return Article(
        id=f"{WIKI}{title}#{heading}",
        title=title,
        text=text,
        url=page_url(title, heading, site=site),
        source=site.name,
        kind="understand",
        audience="" if grade is not None and grade <= EASY_GRADE else "clinician",
        subjects=(title,),
        language="en",
        licence="CC BY-SA 4.0" if of_wikipedia else "",
        reading_grade=grade,
    )
