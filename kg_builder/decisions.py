"""What decisions do to a build. Pure: a build and decisions in, a new build out; undoing is leaving a decision out."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, product

from kg_builder.digest import digest_build
from kg_builder.model import Build, Decision, Digest, Evidence, Link, PageText, Term
from strokemap.text import name_key

CURATED = "Curator's decision"
"""The section named as evidence of a link that a curator added; the sentence is the reason given."""


def in_force(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """Give the decisions that act: without the undone ones and without the undoing."""
    undone = {decision.value for decision in decisions if decision.action == "undo"}
    return tuple(item for item in decisions if item.action != "undo" and str(item.number) not in undone)


@dataclass(slots=True, kw_only=True)
class Plan:
    """What decisions in force amount to. Titles are the pages' own, which no decision changes."""

    rejected: set[str] = field(default_factory=set)
    merged: dict[str, str] = field(default_factory=dict)
    """The title merged away → the title it became part of."""
    renamed: dict[str, str] = field(default_factory=dict)
    added: dict[str, list[Decision]] = field(default_factory=lambda: defaultdict(list))
    """The decisions to split, to add a name (alias), a code or a link, by their action, oldest first."""
    cut: set[frozenset[str]] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    """Titles that a curator has looked at and decided on."""

    def final(self, title: str) -> str:
        """Give the title that a page's term ends up with."""
        while title in self.merged:
            title = self.merged[title]
        return self.renamed.get(title, title)

    def all_titles(self, title: str) -> set[str]:
        """Give every title that stands for the same term by the decisions read so far."""
        known = {title, *self.merged, *self.renamed}
        return {self.final(title)} | {other for other in known if self.final(other) == self.final(title)}


def read_plan(decisions: Sequence[Decision]) -> Plan:
    """Read decisions, undone ones and all, oldest first; one that earlier ones make impossible is passed over."""
    plan = Plan()
    for decision in in_force(decisions):
        term, value = decision.term, decision.value
        match decision.action:
            case "reject":
                plan.rejected |= plan.all_titles(term)
            case "merge" if plan.final(value) != plan.final(term):
                plan.merged[value] = term
            case "rename":
                plan.renamed[term] = value
            case "split" | "alias" | "code" | "link":
                plan.added[decision.action].append(decision)
            case "unlink":
                plan.cut |= {frozenset(pair) for pair in product(plan.all_titles(term), plan.all_titles(value))}
        if decision.action in ("accept", "reject", "merge", "rename"):
            plan.settled |= plan.all_titles(term)
    return plan


def history(decisions: Sequence[Decision], title: str) -> tuple[Decision, ...]:
    """Give what was ever decided about a term under any of its titles, undone or not, and the undoing."""
    titles = read_plan(decisions).all_titles(title)
    about = {item.number for item in decisions if {item.term, item.value} & titles}
    return tuple(
        item
        for item in decisions
        if item.number in about or (item.action == "undo" and item.value.isdigit() and int(item.value) in about)
    )


def apply_decisions(build: Build, decisions: Sequence[Decision]) -> Build:
    """Give the build as the decisions in force want it, with its own digest; undone ones leave no trace.

    Give it the build as it was crawled. On one that has decisions applied already, only what is new acts, and what was
    merged stays merged. A decision whose term the build lacks is passed over. A merge keeps all names, codes and
    evidence, except for what the merged pages say of each other.
    """
    plan = read_plan(decisions)
    for decision in plan.added["split"]:
        build = _split(build, decision, plan)
    terms = _apply_to_terms(build.terms, plan)
    links = _apply_to_links(build.links, plan, {term.title for term in terms})
    return replace(build, terms=terms, links=links, digest=digest_build(build.topic, terms, links))


def curated_texts(texts: Iterable[PageText], decisions: Sequence[Decision]) -> Iterator[PageText]:
    """Give the pages' texts under their terms' titles; merged and renamed ones come last and are all that is held."""
    plan = read_plan(decisions)
    touched = {plan.final(title) for title in (*plan.merged, *plan.renamed)}
    held: dict[str, list[PageText]] = defaultdict(list)
    for text in texts:
        title = plan.final(text.title)
        if text.title in plan.rejected:
            continue
        if title in touched:
            held[title].append(text)
        else:
            yield text
    for title, pages in sorted(held.items()):
        pages.sort(key=lambda page: (page.title in plan.merged, page.title))
        yield PageText(title=title, sections=tuple(chain.from_iterable(page.sections for page in pages)))


def _split(build: Build, decision: Decision, plan: Plan) -> Build:
    """Make one of a term's other names a term of its own; the sentences that say this name go with it.

    Nothing happens where the name is a page's title or no term that the decision means has it.
    """
    name = decision.value
    titles = plan.all_titles(decision.term) - plan.rejected
    whole = next((one for one in build.terms if one.title in titles and name in one.other_names), None)
    if whole is None or any(term.title == name for term in build.terms):
        return build
    part = replace(
        whole,
        title=name,
        other_names=(),
        path_length=min(whole.path_length + 1, build.topic.path_length),
        reasons=(f"split from “{whole.title}”: {decision.why}",),
        codes=(),
    )
    rest = replace(whole, other_names=tuple(other for other in whole.other_names if other != name))
    said, links = f" {name_key(name)} ", []
    moved: dict[str, list[Evidence]] = defaultdict(list)
    moved[whole.title] = [Evidence(source=whole.title, target=name, section=CURATED, sentence=decision.why)]
    for link in build.links:
        stays: list[Evidence] = []
        for one in link.evidence:
            goes = one.target == whole.title and said in f" {name_key(one.sentence)} "
            (moved[one.source] if goes else stays).append(replace(one, target=name) if goes else one)
        if stays:
            links.append(replace(link, evidence=tuple(stays)))
    for source, evidence in moved.items():
        a, b = sorted((source, name))
        links.append(Link(a=a, b=b, evidence=tuple(sorted(evidence))))
    terms = sorted([part, rest, *(one for one in build.terms if one is not whole)], key=lambda term: term.title)
    return replace(build, terms=tuple(terms), links=tuple(sorted(links, key=lambda link: (link.a, link.b))))


def _apply_to_terms(terms: Sequence[Term], plan: Plan) -> tuple[Term, ...]:
    groups: dict[str, list[Term]] = defaultdict(list)
    for term in terms:
        if term.title not in plan.rejected:
            groups[plan.final(term.title)].append(term)
    names, codes = defaultdict(set), defaultdict(set)
    for one in plan.added["alias"]:
        names[plan.final(one.term)].add(one.value)
    for one in plan.added["code"]:
        system, _, value = one.value.partition(":")
        codes[plan.final(one.term)].add((system, value))
    return tuple(
        group[0]
        if [term.title for term in group] == [title] and title not in names and title not in codes
        else _combine(title, group, names=names[title], codes=codes[title], plan=plan)
        for title, group in sorted(groups.items())
    )


def _combine(title: str, group: Sequence[Term], *, names: set[str], codes: set[tuple[str, str]], plan: Plan) -> Term:
    first = min(group, key=lambda term: (term.title in plan.merged, term.path_length, term.title))
    all_names = names.union(*({term.title, *term.other_names} for term in group))
    hashes = sorted({term.content_hash for term in group})
    return replace(
        first,
        title=title,
        other_names=tuple(sorted(all_names - {title})),
        codes=tuple(sorted(codes.union(*(term.codes for term in group)))),
        path_length=min(term.path_length for term in group),
        relevance=max(term.relevance for term in group),
        # One page's hash stays as it is; several are hashed together, so that a change in any of them shows.
        content_hash=hashes[0] if len(hashes) == 1 else Digest(hashlib.sha256("\n".join(hashes).encode()).hexdigest()),
    )


def _apply_to_links(links: Sequence[Link], plan: Plan, titles: set[str]) -> tuple[Link, ...]:
    found: dict[tuple[str, str], set[Evidence]] = defaultdict(set)

    def add(one: str, other: str, evidence: Iterable[Evidence]) -> None:
        a, b = sorted((plan.final(one), plan.final(other)))
        if a != b and {a, b} <= titles and not {one, other} & plan.rejected:
            found[a, b].update(evidence)

    for link in links:
        if frozenset((link.a, link.b)) not in plan.cut:
            said = (replace(one, source=plan.final(one.source), target=plan.final(one.target)) for one in link.evidence)
            add(link.a, link.b, said)
    for decision in plan.added["link"]:
        source, target = plan.final(decision.term), plan.final(decision.value)
        shown = Evidence(source=source, target=target, section=CURATED, sentence=decision.why)
        add(decision.term, decision.value, [shown])
    return tuple(Link(a=a, b=b, evidence=tuple(sorted(evidence))) for (a, b), evidence in sorted(found.items()))
