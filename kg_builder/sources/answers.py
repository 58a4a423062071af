"""The parts of a wiki's answer, put together. They come from outside: nothing in them is taken for sure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


class AnswerMisshapen(Exception):
    """An answer is JSON, but not of the shape that MediaWiki documents."""


@dataclass(slots=True, kw_only=True)
class _Told:
    text: str | None = None
    redirects: list[str] = field(default_factory=list)
    there: bool = True
    """Whether it is a page with a text, in the main namespace."""


@dataclass(slots=True, kw_only=True)
class Answers:
    """All parts of the answer to one query about pages. A page may come in several of them."""

    general: Mapping[str, Any] = field(default_factory=dict)
    """What the wiki says of itself, where it was asked."""
    prefixes: set[str] = field(default_factory=set)
    """The names of all its namespaces but the main one, in small letters, where it was asked."""
    leads: dict[str, str] = field(default_factory=dict)
    """Where each redirect on the way leads to; sections left out."""
    changed: set[str] = field(default_factory=set)
    """The titles of recent changes, where it was asked; "" stands for one that is hidden."""
    _spelt: dict[str, str] = field(default_factory=dict)
    _pages: dict[str, _Told] = field(default_factory=dict)
    _elsewhere: set[str] = field(default_factory=set)

    def add(self, answer: Mapping[str, Any]) -> dict[str, str]:
        """Take one part in, and give what asks for the next one: nothing where it was the last.

        Errors: AnswerMisshapen.
        """
        query = _object(answer.get("query", {}))
        self.general = _object(query.get("general", self.general))
        for one in _object(query.get("namespaces", {})).values():
            self.prefixes |= {str(_object(one).get(name, "")).lower() for name in ("name", "canonical")} - {""}
        self.prefixes |= {_text(one, "alias").lower() for one in _objects(query, "namespacealiases")}
        for one in _objects(query, "normalized"):
            self._spelt[_text(one, "from")] = _text(one, "to")
        for one in _objects(query, "redirects"):
            if "tointerwiki" not in one:
                self.leads[_text(one, "from")] = _text(one, "to")
            else:
                self._elsewhere.add(_text(one, "from"))
        self._elsewhere |= {_text(one, "title") for one in _objects(query, "interwiki")}
        for one in _objects(query, "recentchanges"):
            self.changed |= {str(one.get("title", "")), *_targets(one)}
        for one in _objects(query, "pages"):
            self._add_page(one)
        return {name: str(value) for name, value in _object(answer.get("continue", {})).items()}

    def title(self, name: str) -> str | None:
        """Give the title of the page that a name leads to, or None where it leads to none."""
        title = self.way(name)[-1]
        return title if title in self._pages and self._pages[title].there else None

    def way(self, name: str) -> list[str]:
        """Give the redirects that a name leads through, and where it ends, in a loop with one that it has passed."""
        way = [self._spelt.get(name, name)]
        while way[-1] in self.leads and way[-1] not in way[:-1]:
            way.append(self.leads[way[-1]])
        return way

    def knows(self, name: str) -> bool:
        """Tell whether the answer says anything about a name."""
        title = self.way(name)[-1]
        return title in self._pages or title in self._elsewhere or title in self.leads

    def text(self, title: str) -> str | None:
        """Give the wikitext of a page, or None where the wiki did not give it."""
        return self._pages[title].text

    def redirects_to(self, title: str) -> tuple[str, ...]:
        """Give the pages that redirect straight to a page."""
        return tuple(self._pages[title].redirects)

    def _add_page(self, one: Mapping[str, Any]) -> None:
        told = self._pages.setdefault(_text(one, "title"), _Told())
        told.there = one.get("ns") == 0 and not any(one.get(flag) for flag in ("missing", "invalid", "special"))
        told.redirects += [_text(redirect, "title") for redirect in _objects(one, "redirects")]
        for revision in _objects(one, "revisions"):
            main = _object(_object(revision.get("slots", {})).get("main", {}))
            if "content" in main:
                told.text = _text(main, "content")
            elif main.get("texthidden"):
                # Hidden by the wiki's own people; exports write such a text as empty, too.
                told.text = ""


def _targets(change: Mapping[str, Any]) -> set[str]:
    """Give where a page was moved to."""
    target = _object(change.get("logparams", {})).get("target_title")
    return {str(target)} if target else set()


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise AnswerMisshapen
    return value


def _objects(owner: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    values = owner.get(name, [])
    if not isinstance(values, list):
        raise AnswerMisshapen
    return map(_object, values)


def _text(owner: Mapping[str, Any], name: str) -> str:
    value = owner.get(name)
    if not isinstance(value, str):
        raise AnswerMisshapen
    return value
