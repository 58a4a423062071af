"""What differs between two builds, and which page or decision caused it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from kg_builder.decisions import CURATED
from kg_builder.digest import canonical
from kg_builder.model import Build, Decision, Evidence, Term

_Key = TypeVar("_Key", str, tuple[str, str])
_ON_WHAT_TERMS_ARE = ("merge", "split", "rename")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why one term or link differs: a page, by its title, or a decision, by its number."""

    of: tuple[str, ...]
    """A term's title, or a link's two."""
    page: str = ""
    decision: int | None = None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDiff:
    """What the second of two builds has that the first has not, and the other way round; all sorted."""

    topic_changed: bool
    judge_changed: bool
    terms_added: tuple[str, ...]
    terms_removed: tuple[str, ...]
    terms_changed: tuple[str, ...]
    """Terms of both whose names, codes, path length, relevance or text differ."""
    links_added: tuple[tuple[str, str], ...]
    links_removed: tuple[tuple[str, str], ...]
    links_changed: tuple[tuple[str, str], ...]
    """Links of both whose evidence differs."""
    causes: tuple[Cause, ...]
    """At least one for each term and link above, in their order."""


def diff_builds(a: Build, b: Build, decisions: Sequence[Decision] = ()) -> BuildDiff:
    """Compare two builds: what ``b`` adds to, takes from and changes in ``a``.

    Decisions made between the two, by their times, are named as causes, undoing among them.
    """
    (old_topic, *old), (new_topic, *new) = (canonical(build.topic, build.terms, build.links) for build in (a, b))
    old_terms, new_terms = ({str(line[1]): line for line in lines if line[0] == "term"} for lines in (old, new))
    old_links, new_links = (
        {(str(line[1]), str(line[2])): line for line in lines if line[0] == "link"} for lines in (old, new)
    )
    terms, links = _compare(old_terms, new_terms), _compare(old_links, new_links)
    why = _Why(a, b, decisions)
    causes = [cause for titles in terms for title in titles for cause in why.term(title)]
    causes += [cause for pairs in links for pair in pairs for cause in why.link(pair)]
    return BuildDiff(
        topic_changed=old_topic != new_topic,
        judge_changed=a.made.judge != b.made.judge,
        terms_added=terms[0],
        terms_removed=terms[1],
        terms_changed=terms[2],
        links_added=links[0],
        links_removed=links[1],
        links_changed=links[2],
        causes=tuple(causes),
    )


def _compare(old: Mapping[_Key, object], new: Mapping[_Key, object]) -> list[tuple[_Key, ...]]:
    """Give what came, what went and what differs."""
    changed = {key for key in old.keys() & new if old[key] != new[key]}
    return [tuple(sorted(keys)) for keys in (new.keys() - old.keys(), old.keys() - new.keys(), changed)]


class _Side:
    """One build by title, by pair, and by term the evidence that others' pages give of it."""

    def __init__(self, build: Build) -> None:
        self.terms = {term.title: term for term in build.terms}
        self.links = {(link.a, link.b): link for link in build.links}
        self.pointing: dict[str, set[Evidence]] = defaultdict(set)
        for link in build.links:
            for evidence in link.evidence:
                self.pointing[evidence.target].add(evidence)


class _Said(NamedTuple):
    """A decision, or the undoing of one, made between the two builds."""

    number: int
    action: str
    text: str


class _Why:
    """Looks for causes: decisions first, then the pages that say something else, then the judge."""

    def __init__(self, a: Build, b: Build, decisions: Sequence[Decision]) -> None:
        self._old, self._new = _Side(a), _Side(b)
        self._rules = "the judge changed" if a.made.judge != b.made.judge else ""
        self._rules = "the topic changed" if a.topic != b.topic else self._rules
        earlier, later = sorted((a.made.at, b.made.at))
        numbered = {str(decision.number): decision for decision in decisions}
        self._decided: dict[str, set[_Said]] = defaultdict(set)
        for decision in decisions:
            if earlier < decision.at <= later:
                meant = numbered.get(decision.value, decision) if decision.action == "undo" else decision
                text = " ".join(part for part in (meant.action, meant.term, meant.value) if part)
                text = f"{'undone: ' if decision.action == 'undo' else ''}{text} ({decision.why})"
                for title in {meant.term, meant.value} - {""}:
                    self._decided[title].add(_Said(decision.number, meant.action, text))

    def term(self, title: str) -> Iterator[Cause]:
        decided = sorted(said for said in self._decided[title] if said.action not in ("link", "unlink"))
        yield from (Cause(of=(title,), decision=said.number, why=said.text) for said in decided)
        old, new = self._old.terms.get(title), self._new.terms.get(title)
        if old and new and old.content_hash != new.content_hash:
            # A merge alone changes the hash, too: there the texts are one.
            if not any(said.action == "merge" for said in decided):
                yield Cause(of=(title,), page=title, why="its text changed")
        elif not decided:
            pages = self._pages_behind(title, old, new)
            yield from (Cause(of=(title,), page=page, why=why) for page, why in sorted(pages.items()))

    def _pages_behind(self, title: str, old: Term | None, new: Term | None) -> dict[str, str]:
        said = self._old.pointing[title] ^ self._new.pointing[title]
        pages = {one.source: self._page(one.source) for one in said}
        if old is None or new is None:
            # What came or went takes its mentions along: only pages that changed themselves may have caused it.
            return {page: why for page, why in pages.items() if why} or {title: self._rules or _judged(old, new)}
        if (old.other_names, old.codes) != (new.other_names, new.codes):
            return {title: "its redirects or codes changed"}
        # Both stay, so a mention that came or went did so on its page.
        return {title: _judged(old, new)} | {page: why or "its links changed" for page, why in pages.items()}

    def link(self, pair: tuple[str, str]) -> Iterator[Cause]:
        one, other = (self._decided[title] for title in pair)
        ends = {title for title in pair if (title in self._old.terms) != (title in self._new.terms)}
        # On both terms, on one that came or went and took the link along, or on what the terms are.
        decided = (one & other) | {
            said
            for title in pair
            for said in self._decided[title]
            if title in ends or said.action in _ON_WHAT_TERMS_ARE
        }
        yield from (Cause(of=pair, decision=said.number, why=said.text) for said in sorted(decided))
        old, new = (set(side.links[pair].evidence if pair in side.links else ()) for side in (self._old, self._new))
        pages = {title: self._page(title) for title in ends} or {
            said.source: self._page(said.source) or "its links changed"
            for said in old ^ new
            if not decided or said.section != CURATED
        }
        for page, why in sorted(pages.items()):
            if not decided or why == "its text changed":
                yield Cause(of=pair, page=page, why=why)

    def _page(self, title: str) -> str:
        """Say what became of a term's page; the empty string if its text is the same."""
        old, new = self._old.terms.get(title), self._new.terms.get(title)
        if old is None or new is None:
            return "it is a term now" if new else "it is no term any more"
        return "" if old.content_hash == new.content_hash else "its text changed"


def _judged(old: Term | None, new: Term | None) -> str:
    if old and new and old.path_length != new.path_length:
        return f"path length {old.path_length} → {new.path_length}"
    if old and new:
        return f"judged anew, {old.relevance:.4f} → {new.relevance:.4f}"
    if new:
        return f"accepted with {new.relevance:.4f}, or linked or written since"
    return "refused, linked no more, or its page is gone"
