"""A curator's decisions: checked and appended by one function, applied to builds by another, undone one by one.

    accept TERM           a term of every later build     reject TERM            never one again
    merge TERM OTHER      OTHER becomes part of TERM      rename TERM NAME       the old title stays a name
    alias TERM NAME       one more other name             code TERM SYSTEM:CODE  one more code
    link TERM OTHER       linked, for the reason given    unlink TERM OTHER      the link is cut
    split TERM NAME       NAME is a term of its own: what was merged comes apart, another name takes its sentences along
    undo NUMBER           takes a decision back

Decisions lie apart from builds and name terms by their page's own title, so each can be undone whatever came after it.
Rejecting takes a term and its links away; terms that were only reached through it stay until the next crawl, which
alone knows what can still be reached.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from kg_builder.decisions import apply_decisions, curated_texts, history, in_force, read_plan
from kg_builder.model import Decision, Digest, Term
from kg_builder.stores.base import MapStore, TermView
from strokemap.errors import DecisionInvalid, MapTermUnknown
from strokemap.text import name_key

__all__ = ["ACTIONS", "apply_decisions", "curated_texts", "decide", "history", "in_force", "review_queue"]

ACTIONS = ("accept", "reject", "merge", "split", "rename", "alias", "code", "link", "unlink", "undo")
_WITHOUT_VALUE = ("accept", "reject")
_OPPOSITES = {"accept": "reject", "link": "unlink", "merge": "split"}
_OPPOSITES |= {value: key for key, value in _OPPOSITES.items()}
_WITH_OTHER_TERM = ("merge", "link", "unlink")
_LONGEST = {"term": 255, "value": 255, "who": 255, "why": 1000}
"""Characters. A title of MediaWiki has at most 255 bytes."""
_CODE = re.compile(r"[a-z0-9_-]+:\S.*")


def decide(store: MapStore, *, action: str, term: str, value: str = "", who: str, why: str, now: datetime) -> Decision:
    """Append a decision, durable on return; it acts on every build made later.

    For ``undo``, ``value`` is the number and ``term`` is not looked at. To split what was merged is to undo the merge.
    Errors: DecisionInvalid for an unknown action or term, and for what contradicts the map or a decision in force.
    """
    if action not in ACTIONS:
        raise _invalid(f"There is no action “{action}”.", hint=f"Give one of: {', '.join(ACTIONS)}.", where="action")
    draft = Decision(
        number=0, action=action, term=_tidy(term), value=_tidy(value), who=_tidy(who), why=_tidy(why), at=now
    )
    for field, most in _LONGEST.items():
        if len(getattr(draft, field)) > most:
            raise _invalid("A part of the decision is too long.", hint=f"At most {most} characters.", where=field)
    for field in ("who", "why"):
        if not getattr(draft, field):
            raise _invalid("A decision needs a name and a reason.", hint=f"Say {field}.", where=field)
    if bool(draft.value) == (action in _WITHOUT_VALUE):
        wanted = "takes no value" if draft.value else "needs a value"
        raise _invalid(f"The action “{action}” {wanted}.", hint="See docs/map.md.", where="value")
    past = store.decisions()
    if draft.action == "split":
        draft = _take_apart(draft, past)
    checked = _check_undo(draft, past) if draft.action == "undo" else _Bench(store, in_force(past)).check(draft)
    return store.decide(checked)


def review_queue(store: MapStore, digest: Digest, *, limit: int) -> tuple[Term, ...]:
    """Give the least certain terms first; starting terms and terms that a curator has decided on are left out.

    All terms were accepted, so the least relevant is the least certain; ties go by title.
    """
    settled = read_plan(store.decisions()).settled
    found = store.least_certain(digest, limit=limit + len(settled))
    return tuple(term for term in found if term.title not in settled)[:limit]


class _Bench:
    """The map and the decisions in force, against which a new decision is checked."""

    def __init__(self, store: MapStore, standing: tuple[Decision, ...]) -> None:
        self._store = store
        self._standing = standing
        self._own_titles = {decision.value: decision.term for decision in standing if decision.action == "rename"}
        builds = store.builds()
        self._digests = [build.digest for build in builds if build.published] or [b.digest for b in builds[:1]]

    def check(self, draft: Decision) -> Decision:
        """Give the decision with its terms under their own titles. Errors: DecisionInvalid."""
        draft = replace(draft, term=self._own_titles.get(draft.term, draft.term))
        if draft.action in _WITH_OTHER_TERM:
            draft = replace(draft, value=self._own_titles.get(draft.value, draft.value))
        self._check_against_decisions(draft)
        view = self._find(draft.term)
        if draft.action == "accept" and name_key(draft.term):
            return draft
        if view is None:
            raise _unknown(draft.term, where="term")
        match draft.action:
            case "reject" if not view.term.path_length:
                hint = "Take it out of the topic file."
                raise _invalid("A starting term can't be rejected.", hint=hint, where="term")
            case "merge" | "link" | "unlink":
                self._check_other(draft, view)
            case "split":
                self._check_split(draft, view)
            case "rename" | "alias":
                self._check_name(draft, view)
            case "code" if not _CODE.fullmatch(draft.value):
                raise _invalid("A code is written as system:code.", hint="For example icd10:I63.9", where="value")
            case "code" if tuple(draft.value.split(":", 1)) in view.term.codes:
                raise _invalid(f"The term has the code “{draft.value}” already.", hint="Nothing to do.", where="value")
        return draft

    def _find(self, title: str) -> TermView | None:
        shown = [title, *(name for name, own in self._own_titles.items() if own == title)]
        for digest in self._digests:
            for name in shown:
                try:
                    return self._store.term(digest, name)
                except MapTermUnknown:
                    continue
        return None

    def _check_against_decisions(self, draft: Decision) -> None:
        titles = {draft.term, draft.value} if draft.action in _WITH_OTHER_TERM else {draft.term}
        for decision in self._standing:
            same_terms = {decision.term, decision.value} == {draft.term, draft.value}
            gone = {"reject": decision.term, "merge": decision.value}.get(decision.action)
            if same_terms and decision.action == draft.action:
                raise _contradiction("says so already", decision)
            if same_terms and decision.action == _OPPOSITES.get(draft.action):
                raise _contradiction("says the opposite", decision)
            if gone in titles:
                raise _contradiction(f"took “{gone}” out of the map", decision)
            if decision.action == draft.action == "rename" and draft.term == decision.term:
                raise _contradiction("renamed this term already", decision)

    def _check_other(self, draft: Decision, view: TermView) -> None:
        other = self._find(draft.value)
        if other is None:
            raise _unknown(draft.value, where="value")
        if draft.term == draft.value:
            raise _invalid(f"“{draft.term}” is one and the same term.", hint="Name two terms.", where="value")
        if draft.action == "merge" and not other.term.path_length:
            raise _invalid("A starting term can't be merged away.", hint="Merge the other way round.", where="value")
        linked = any(other.term.title in (link.a, link.b) for link in view.links)
        if draft.action != "merge" and linked == (draft.action == "link"):
            state = "linked already" if linked else "not linked"
            raise _invalid(f"“{draft.term}” and “{draft.value}” are {state}.", hint="Nothing to do.", where="value")

    def _check_split(self, draft: Decision, view: TermView) -> None:
        names = view.term.other_names
        if draft.value not in names:
            hint = f"It has: {', '.join(names[:5])}." if names else "It has none."
            raise _invalid(f"“{draft.term}” has no other name “{draft.value}”.", hint=hint, where="value")
        for item in self._standing:
            if item.action in ("rename", "alias") and draft.value in (item.term, item.value):
                raise _contradiction(f"gave it the name “{draft.value}”", item)

    def _check_name(self, draft: Decision, view: TermView) -> None:
        if not name_key(draft.value):
            raise _invalid("A name needs a letter or a digit.", hint="Give another name.", where="value")
        if draft.value == view.term.title or (draft.action == "alias" and draft.value in view.term.other_names):
            raise _invalid(f"The term has the name “{draft.value}” already.", hint="Nothing to do.", where="value")
        if draft.action == "rename" and (draft.value in self._own_titles or self._find(draft.value)):
            raise _invalid(f"Another term is called “{draft.value}”.", hint="Merge the two instead.", where="value")


def _take_apart(draft: Decision, past: Sequence[Decision]) -> Decision:
    """Turn the split of what was merged into the undoing of the merge."""
    standing, plan = in_force(past), read_plan(past)
    for item in standing:
        if item.action == "merge" and item.value == draft.value and plan.final(item.value) == plan.final(draft.term):
            return replace(draft, action="undo", value=str(item.number))
    return draft


def _check_undo(draft: Decision, past: Sequence[Decision]) -> Decision:
    standing = {str(decision.number): decision for decision in in_force(past)}
    if draft.value not in standing:
        raise _invalid(f"There is no decision {draft.value} in force.", hint="See: strokemap curate log", where="value")
    return replace(draft, term=standing[draft.value].term)


def _tidy(text: str) -> str:
    return " ".join(text.split())


def _unknown(title: str, *, where: str) -> DecisionInvalid:
    return _invalid(
        f"No term of the map is called “{title}”.", hint="Give a term's title as the map has it.", where=where
    )


def _contradiction(what: str, decision: Decision) -> DecisionInvalid:
    number = decision.number
    return _invalid(
        f"Decision {number} {what}.", hint=f"To change it, run: strokemap curate undo {number}", where="term"
    )


def _invalid(message: str, *, hint: str, where: str) -> DecisionInvalid:
    return DecisionInvalid(message, hint=hint, where=where)
