"""The parts of a wiki's answer, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MISSHAPEN = (LookupError, TypeError, ValueError, AttributeError)
"""What comes of reading an answer that is JSON, but not of the shape that MediaWiki documents."""


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

    def add(self, answer: Any) -> dict[str, str]:
        """Take one part in, and give what asks for the next one: nothing where it was the last. Errors: MISSHAPEN."""
        query = answer.get("query", {})
        self.general = dict(query.get("general", self.general))
        for one in query.get("namespaces", {}).values():
            self.prefixes |= {str(one.get(name, "")).lower() for name in ("name", "canonical")} - {""}
        self.prefixes |= {str(one["alias"]).lower() for one in query.get("namespacealiases", ())}
        self._spelt |= {str(one["from"]): str(one["to"]) for one in query.get("normalized", ())}
        for one in query.get("redirects", ()):
            if "tointerwiki" not in one:
                self.leads[str(one["from"])] = str(one["to"])
            else:
                self._elsewhere.add(str(one["from"]))
        self._elsewhere |= {str(one["title"]) for one in query.get("interwiki", ())}
        for one in query.get("recentchanges", ()):
            # A page that was moved is there under both its titles.
            moved_to = one.get("logparams", {}).get("target_title")
            self.changed |= {str(one.get("title", ""))} | ({str(moved_to)} if moved_to else set())
        for one in query.get("pages", ()):
            self._add_page(one)
        return {name: str(value) for name, value in answer.get("continue", {}).items()}

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

    def _add_page(self, one: Any) -> None:
        told = self._pages.setdefault(str(one["title"]), _Told())
        told.there = one.get("ns") == 0 and not any(one.get(flag) for flag in ("missing", "invalid", "special"))
        told.redirects += [str(redirect["title"]) for redirect in one.get("redirects", ())]
        for revision in one.get("revisions", ()):
            main = revision.get("slots", {}).get("main", {})
            if "content" in main:
                told.text = str(main["content"])
            elif main.get("texthidden"):
                # Hidden by the wiki's own people; exports write such a text as empty, too.
                told.text = ""
