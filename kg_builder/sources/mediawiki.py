"""Pages from a wiki's own API (MediaWiki Action API): 50 titles a request, with text, redirects and other names.

The wikitext is parsed here, as that of an export, so that both give the same build of the same wiki. Only what readers
see without logging in is read. Cost: one request for every 50 titles; one more for every 500 other names beyond the
first 500 among them, and where the texts of 50 pages are more than a wiki gives at once. A question that the wiki never
answers is halved until the page is found that spoils it: that one is failed, and the others are read.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from kg_builder.model import Page, Site
from kg_builder.sources.answers import MISSHAPEN, Answers
from kg_builder.sources.base import Fetched
from kg_builder.sources.pace import Pace
from kg_builder.sources.wire import TRIES, Wire
from kg_builder.titles import normalise_title
from kg_builder.wikitext import parse_page, redirect_target
from strokemap.errors import (
    SourceContactMissing,
    SourceMalformed,
    SourceRefused,
    SourceUnreachable,
    SourceUnsupported,
)

TITLES = 50
"""As many as a wiki answers at once to those who have not logged in."""
TRIES_OF_A_PART = 3
"""For parts of a question that was tried to the end before."""
MOST_PARTS = 1000
"""Of one answer; a wiki that has not come to an end by then goes round in circles."""
_CONTACT = re.compile(r"[\x21-\x7e]{1,100}@[\x21-\x7e]{1,100}|https?://[\x21-\x7e]{1,200}")
_PAGES = {
    "redirects": "1",
    "prop": "revisions|redirects",
    "rvprop": "content",
    "rvslots": "main",
    "rdprop": "title",
    "rdnamespace": "0",
    "rdlimit": "max",
}
_CHANGES = {"list": "recentchanges", "rcdir": "newer", "rcprop": "title|loginfo", "rctype": "edit|new|log"}
REMEMBERED = timedelta(days=30)
"""How far back a wiki's recent changes surely go: Wikipedia keeps 30 days of them, MediaWiki by itself 90."""
CLOCKS_APART = timedelta(minutes=10)
_SITE = {"meta": "siteinfo", "siprop": "general|namespaces|namespacealiases"}
# Redirects to redirects are rare, and prop=redirects does not follow them: the wiki's own list of them does it at once.
_CHAINS = {"generator": "querypage", "gqppage": "DoubleRedirects", "gqplimit": "max", "redirects": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaWiki:
    """A PageSource over one wiki's API."""

    site: Site
    _wire: Wire
    _chains: Mapping[str, frozenset[str]]
    """For a title, the redirects to it, where one of the two is part of a chain."""
    _prefixes: frozenset[str]
    """The wiki's names of its other namespaces, in small letters."""
    _main_page: str

    @classmethod
    def open(
        cls,
        address: str,
        *,
        contact: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> MediaWiki:
        """Open a wiki by the address of its api.php, of a page of it, or of its root, and ask for its name.

        Errors: SourceUnsupported, SourceContactMissing, SourceUnreachable, SourceRefused, SourceMalformed.
        """
        places, contact = _places(address), contact.strip()
        if not _CONTACT.fullmatch(contact) or set(contact) & set("()<>"):
            raise SourceContactMissing(
                "A wiki wants to know who reads it: the operator's mail address or web address.",
                hint="Set contact in strokemap.toml, or STROKEMAP_CONTACT. The wiki sees it with each request.",
                where="contact",
            )
        pace = Pace.towards(urlsplit(places[0]).hostname or "", clock=clock, sleep=sleep)
        for place in places[:-1]:
            try:
                return cls._greet(place, contact=contact, pace=pace)
            except (SourceRefused, SourceMalformed):
                continue  # No api.php lies there: it is in the next place.
        return cls._greet(places[-1], contact=contact, pace=pace)

    @property
    def name(self) -> str:
        """The address of api.php."""
        return self._wire.address

    @property
    def edition(self) -> str:
        """Nothing: pages may change any time."""
        return ""

    @property
    def requests(self) -> int:
        return self._wire.requests

    def fetch(self, titles: Sequence[str]) -> Fetched:
        """Read pages by title; the wiki follows chains of redirects, and a loop leads nowhere."""
        asked = {title: normalise_title(title) for title in titles}
        wanted = sorted({name for name in asked.values() if name})
        leads: dict[str, str | None] = {"": None}
        pages: dict[str, Page] = {}
        failed: dict[str, str] = {}
        batches = (wanted[start : start + TITLES] for start in range(0, len(wanted), TITLES))
        for batch, told in chain.from_iterable(map(self._told, batches)):
            if isinstance(told, str):
                failed |= dict.fromkeys(batch, told)
                leads |= dict.fromkeys(batch)
                continue
            for name in batch:
                # An export has no redirects of other namespaces; nor does a map.
                title = None if any(map(self._is_elsewhere, told.way(name)[:-1])) else told.title(name)
                text = None if title is None else told.text(title)
                leads[name] = None if title is None else normalise_title(title)
                if title is not None and text is None:
                    failed[name] = "the wiki does not give its text"
                elif not told.knows(name):
                    failed[name] = "the wiki's answer leaves it out"
                elif text is None or redirect_target(text):
                    # The text of a redirect is given where the wiki itself does not follow it.
                    leads[name] = None
                elif title is not None and (own := normalise_title(title)) not in pages:
                    pages[own] = parse_page(own, text, redirects=self._names(title, told.redirects_to(title)))
        return Fetched(
            pages=tuple(pages[title] for title in sorted(pages)),
            resolved={title: leads[name] for title, name in asked.items()},
            failed={title: failed[name] for title, name in asked.items() if name in failed},
        )

    def changed(self, since: datetime, *, requests: int) -> frozenset[str] | None:
        """Give the titles among the wiki's recent changes; a moved page is there with both its titles."""
        if datetime.now(UTC) - since > REMEMBERED:
            return None
        start = (since - CLOCKS_APART).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        told, question = Answers(), _CHANGES | {"rcstart": start, "rclimit": "max"}
        go_on = {"continue": ""}
        for _ in range(requests):
            go_on = _part(told, wire=self._wire, question=question | go_on)
            if not go_on:
                return None if "" in told.changed else frozenset(map(normalise_title, told.changed))
        return None

    def close(self) -> None:
        self._wire.close()

    @classmethod
    def _greet(cls, place: str, *, contact: str, pace: Pace) -> MediaWiki:
        """Ask a wiki for its name and its chains of redirects: one request, more only where there are many chains."""
        with ExitStack() as undo:
            wire = Wire(place, contact=contact, pace=pace)
            undo.callback(wire.close)
            try:
                told = _ask(wire, _SITE | _CHAINS)
            except SourceRefused:
                # Some wikis keep the list from readers. Chains are followed there, too, but give no other names.
                told = _ask(wire, _SITE)
            if not str(told.general.get("generator", "")).startswith("MediaWiki"):
                raise SourceMalformed(
                    "What answers at this address is no MediaWiki.",
                    hint="Give the address of a wiki's api.php, or of one of its pages.",
                    where=place,
                )
            undo.pop_all()
        chains: dict[str, set[str]] = defaultdict(set)
        for name, target in told.leads.items():
            chains[target].add(name)
        frozen = {target: frozenset(names) for target, names in chains.items()}
        return cls(
            site=_site(told.general),
            _wire=wire,
            _chains=frozen,
            _prefixes=frozenset(told.prefixes),
            _main_page=str(told.general.get("mainpage", "Main Page")),
        )

    def _told(self, batch: list[str], tries: int = TRIES) -> Iterator[tuple[list[str], Answers | str]]:
        """Ask for pages, in halves where the wiki answers about others only; give what it tells, or why it does not."""
        try:
            told = _ask(self._wire, _PAGES | {"titles": "|".join(batch)}, tries=tries)
        except (SourceUnreachable, SourceMalformed, SourceRefused) as error:
            if self._wire.put_off:
                raise
            # Raises where the wiki does not answer this either: then it is not the pages.
            _ask(self._wire, _PAGES | {"titles": self._main_page})
            if len(batch) == 1:
                yield batch, f"it can't be had, though others can. {error.message}"
                return
            middle = len(batch) // 2
            yield from self._told(batch[:middle], TRIES_OF_A_PART)
            yield from self._told(batch[middle:], TRIES_OF_A_PART)
        else:
            yield batch, told

    def _is_elsewhere(self, title: str) -> bool:
        prefix, colon, _ = title.partition(":")
        return bool(colon) and prefix.lower() in self._prefixes

    def _names(self, title: str, direct: Iterable[str]) -> list[str]:
        """Give all names that lead to a page: the redirects to it, and those to them."""
        found, waiting = set[str](), set(direct)
        while waiting := {name for name in waiting if not self._is_elsewhere(name)}:
            found |= waiting
            waiting = {name for one in waiting for name in self._chains.get(one, ())} - found
        return sorted({name for one in found if (name := normalise_title(one))} - {normalise_title(title)})


def _ask(wire: Wire, question: Mapping[str, str], *, tries: int = TRIES) -> Answers:
    """Ask and put the parts of the answer together, whole or not at all."""
    answers = Answers()
    go_on: dict[str, str] = {"continue": ""}
    for _ in range(MOST_PARTS):
        before, go_on = go_on, _part(answers, wire=wire, question={**question, **go_on}, tries=tries)
        if not go_on:
            return answers
        if go_on == before:
            break
    raise _malformed("The wiki's answer comes to no end.", wire=wire)


def _part(answers: Answers, *, wire: Wire, question: Mapping[str, str], tries: int = TRIES) -> dict[str, str]:
    """Ask for one part of an answer, and give what asks for the next one: nothing where it was the last."""
    try:
        return answers.add(wire.ask(most_tries=tries, **question))
    except MISSHAPEN:
        raise _malformed("The wiki's answer has not the shape that MediaWiki gives.", wire=wire) from None


def _malformed(message: str, *, wire: Wire) -> SourceMalformed:
    hint = "Check that this is the address of a MediaWiki's api.php (version 1.32 or later)."
    return SourceMalformed(message, hint=hint, where=wire.address)


def _places(address: str) -> tuple[str, ...]:
    """Give where api.php may lie, the likelier first. Wikipedia has pages in /wiki/ and its scripts in /w/."""
    try:
        parts = urlsplit(address.strip())
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise SourceUnsupported(
            "This is no address that pages can be read from.",
            hint="Give a wiki's address that begins with https:// or http://, or the path of an XML export.",
            where="source",
        )
    if parts.username is not None:
        raise SourceUnsupported(
            "An address with a user name or password is not used: it would be kept with the build.",
            hint="Give the address without them. Only wikis that anyone may read can be crawled.",
            where=parts.hostname,
        )
    folder, _, last = parts.path.rpartition("/")
    if last.endswith(".php"):
        found = [f"{folder}/api.php"]
    elif folder in {"", "/wiki"} or folder.startswith("/wiki/"):
        found = ["/w/api.php", "/api.php"]
    else:
        found = [f"{folder}/api.php"]
    return tuple(urlunsplit((parts.scheme, parts.netloc, path, "", "")) for path in found)


def _site(general: Mapping[str, Any]) -> Site:
    """Read the wiki's name, and the address of its pages off that of its main page, as exports have them."""
    base = str(general.get("base", ""))
    address = base.rpartition("/")[0] + "/" if base.startswith(("https://", "http://")) else ""
    return Site(name=str(general.get("sitename", "")).strip(), address=address)
