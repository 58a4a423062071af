"""From starting terms to accepted pages, level by level along accepted links. Start reading at ``crawl``.

Each page is judged once, at the first path length at which it is reached, so a term's path length is the least number
of links that lead to it along accepted terms. Pages are read in an order that depends on nothing but the pages.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kg_builder.decisions import in_force
from kg_builder.frontier import Frontier
from kg_builder.judge.base import Context, Judge
from kg_builder.model import Candidate, Decision, Evidence, Judgement, Made, Page
from kg_builder.sources.base import PageSource
from kg_builder.titles import is_subject
from strokemap.errors import StartingTermsMissing
from strokemap.progress import Progress
from strokemap.topic import Topic

BATCH = 50
"""Titles a request, as many as MediaWiki answers at once; also what a kill can cost."""
RELEVANCE_PLACES = 4
"""Coarser than the float noise between machines, fine enough to rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A page that became a term, and how."""

    page: Page
    path_length: int
    relevance: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crawled:
    """What a crawl came back with, terms in order of title."""

    terms: tuple[Accepted, ...]
    made: Made
    whole: bool = True
    """Whether all pages could be had; else, resuming asks for those that failed."""


def crawl(
    topic: Topic,
    *,
    source: PageSource,
    judge: Judge,
    frontier: Frontier,
    decisions: Sequence[Decision] = (),
    max_pages: int | None,
    progress: Progress,
    now: datetime,
) -> Crawled:
    """Crawl a topic, going on from what the frontier holds; the end is the same however often it was interrupted.

    A title that a curator rejected is never accepted, one that was accepted always is, once a link leads there.
    Errors: StartingTermsMissing, and what source and frontier raise; what was read until then stays in the frontier.
    """
    ruled = {one.term: one.action == "accept" for one in in_force(decisions) if one.action in ("accept", "reject")}
    rules = _Rules(topic=topic, judge=judge, ruled=ruled, max_pages=max_pages)
    frontier.begin(pages_of=json.dumps([source.name, source.edition]), judged_by=rules.fingerprint(), now=now)
    kept = frontier.resolved()
    reader = _Reader(source=source, frontier=frontier, kept=kept, max_pages=max_pages, progress=progress)
    accepted = _start(rules, reader=reader)
    judged, passed_over = set(accepted), set[str]()
    for path_length in range(1, topic.path_length + 1):
        linking = [term.page for term in accepted.values() if term.path_length == path_length - 1]
        if path_length == topic.path_length:
            passed_over = _passed_over(linking, rules=rules, resolved=reader.resolved)
        titles = [title for title in _targets(linking) if title not in passed_over]
        reader.read(titles, what=f"reading pages, path length {path_length}")
        judgements = frontier.level(path_length)
        if judgements is None:
            candidates = _candidates(linking, path_length=path_length, judged=judged, reader=reader)
            judgements = _judge_level(candidates, path_length, accepted=accepted, rules=rules, reader=reader)
        judged |= {judgement.title for judgement in judgements}
        followed = {one.title: one for one in judgements if one.accepted}
        for title, page in frontier.pages(followed).items():
            relevance, reasons = round(followed[title].score, RELEVANCE_PLACES), followed[title].reasons
            accepted[title] = Accepted(page=page, path_length=path_length, relevance=relevance, reasons=reasons)
    made = Made(
        source=source.name,
        site=source.site,
        judge=judge.name,
        pages=len(reader.pages),
        requests=source.requests,
        failed=tuple(f"{title}: {reason}" for title, reason in sorted((reader.lacking | reader.failed).items())),
        unread=len(reader.unread),
        passed_over=len(passed_over),
        at=now,
    )
    return Crawled(terms=tuple(accepted[title] for title in sorted(accepted)), made=made, whole=not reader.failed)


def forget_changed(frontier: Frontier, *, source: PageSource, now: datetime, progress: Progress) -> None:
    """Forget the pages that have changed since they were read, so that the next crawl asks for those alone.

    Where telling them is not to be had for fewer requests than a crawl makes, everything is forgotten.
    """
    since, known = frontier.read_since, len(frontier.resolved())
    if since is None:
        return
    what = "asking what changed"
    progress(what, 0, 1)
    requests = known // BATCH + 1
    titles = source.changed(since, requests=requests)
    if titles is None or len(titles) > known:
        frontier.clear()
    else:
        # A title that is new here may be one more name of a page that is kept.
        fetched = source.fetch(sorted(titles))
        frontier.forget(titles | {page for page in fetched.resolved.values() if page is not None}, now=now)
        frontier.keep_pages(fetched)
    progress(what, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """By what a crawl decides: judgements made by other rules are of no use to it."""

    topic: Topic
    judge: Judge
    ruled: Mapping[str, bool]
    """The titles that curators accepted or rejected; the later decision counts."""
    max_pages: int | None

    def fingerprint(self) -> str:
        rules = [repr(self.topic), self.judge.name, sorted(self.ruled.items()), self.max_pages]
        return hashlib.sha256(json.dumps(rules).encode()).hexdigest()

    def ruling(self, page: Page) -> bool | None:
        """Give what was decided about a page, under its title or else another of its names."""
        return next((self.ruled[name] for name in page.names if name in self.ruled), None)


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Reads pages through the frontier: what it holds is not asked for again."""

    source: PageSource
    frontier: Frontier
    kept: Mapping[str, str | None]
    """What the frontier held when this crawl began."""
    max_pages: int | None
    progress: Progress
    resolved: dict[str, str | None] = field(default_factory=dict)
    """The titles that this crawl came to, each with its page: what is kept of an earlier one may be of no use now."""
    pages: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    """Pages that exist but could not be had; asked for again when the crawl is resumed."""
    lacking: dict[str, str] = field(default_factory=dict)
    """Starting terms that are of no use."""
    unread: set[str] = field(default_factory=set)

    def read(self, titles: Sequence[str], *, what: str) -> None:
        """Read all titles, or the first of them as far as ``max_pages`` goes: never one page more."""
        waiting = [title for title in titles if title not in self.resolved]
        total = len(waiting)
        while waiting:
            room = total if self.max_pages is None else min(BATCH, self.max_pages - len(self.pages))
            if room <= 0:
                break
            asked, waiting = waiting[:room], waiting[room:]
            missing = [title for title in asked if title not in self.kept]
            self.resolved |= {title: self.kept[title] for title in asked if title in self.kept}
            for start in range(0, len(missing), BATCH):
                self.progress(what, total - len(waiting) - len(missing) + start, total)
                fetched = self.source.fetch(missing[start : start + BATCH])
                self.frontier.keep_pages(fetched)
                self.resolved |= fetched.resolved
                self.failed |= fetched.failed
            found = {self.resolved[title] for title in asked if title not in self.failed}
            self.pages |= {page for page in found if page is not None and page not in self.failed}
        self.progress(what, total - len(waiting), total)
        self.unread |= set(waiting)


def _start(rules: _Rules, *, reader: _Reader) -> dict[str, Accepted]:
    topic = rules.topic
    reader.read(sorted(topic.starting_terms), what="reading starting terms")
    found = {term: title for term in topic.starting_terms if (title := reader.resolved.get(term)) is not None}
    pages = reader.frontier.pages(sorted(set(found.values())))
    for term in topic.starting_terms:
        page = pages.get(found.get(term, ""))
        if page is not None and page.disambiguation:
            reader.lacking[term] = "this page only tells the meanings of a word apart"
        elif page is None and term not in reader.failed and term not in reader.unread:
            reader.lacking[term] = "the source has no such page"
    usable = {
        title: page for title, page in pages.items() if not page.disambiguation and rules.ruling(page) is not False
    }
    if not usable:
        raise no_starting_terms(topic, source=reader.source)
    return {
        title: Accepted(page=page, path_length=0, relevance=1.0, reasons=("It is a starting term.",))
        for title, page in usable.items()
    }


def no_starting_terms(topic: Topic, *, source: PageSource) -> StartingTermsMissing:
    """Give the error for a source of another subject or language."""
    return StartingTermsMissing(
        f"The source has none of the {len(topic.starting_terms)} starting terms of “{topic.name}”.",
        hint="Check that topic and source belong together: same language, titles as the source writes them.",
        where=source.name,
    )


def _targets(linking: Iterable[Page]) -> list[str]:
    """Give the titles that pages link to, those first that most pages link to: where a limit cuts, it cuts the rest."""
    counts = Counter(target for page in linking for target in {mention.target for mention in page.mentions})
    return sorted(counts, key=lambda target: (-counts[target], target))


def _passed_over(linking: Iterable[Page], *, rules: _Rules, resolved: Mapping[str, str | None]) -> set[str]:
    """Give the titles that are not worth a request, by what is said of them; what curators accepted always is."""
    said: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for page in linking:
        for mention in page.mentions:
            said[mention.target].add((page.title, mention.sentence))
    return {
        title
        for title, found in said.items()
        if title not in resolved
        and not rules.ruled.get(title)
        and not rules.judge.worth_reading(title, [sentence for _, sentence in sorted(found)])
    }


def _candidates(linking: Sequence[Page], *, path_length: int, judged: set[str], reader: _Reader) -> list[Candidate]:
    found: dict[str, set[Evidence]] = defaultdict(set)
    for page in linking:
        for evidence in page.evidence(reader.resolved):
            if evidence.target not in judged and is_subject(evidence.target):
                found[evidence.target].add(evidence)
    return [
        Candidate(page=page, path_length=path_length, evidence=tuple(sorted(found[title])))
        for title, page in reader.frontier.pages(sorted(found)).items()
        if not page.disambiguation
    ]


def _judge_level(
    candidates: Sequence[Candidate],
    path_length: int,
    *,
    accepted: Mapping[str, Accepted],
    rules: _Rules,
    reader: _Reader,
) -> list[Judgement]:
    """Ask the judge about all that no curator has decided, and keep the judgements."""
    what = f"judging, path length {path_length}"
    reader.progress(what, 0, len(candidates))
    terms = [accepted[title] for title in sorted(accepted)]
    context = Context(
        topic=rules.topic,
        starting=tuple(term.page for term in terms if not term.path_length),
        accepted=tuple(term.page for term in terms),
    )
    judgements: list[Judgement] = []
    undecided: list[Candidate] = []
    for candidate in candidates:
        ruling = rules.ruling(candidate.page)
        if ruling is None:
            undecided.append(candidate)
        else:
            reason = "A curator accepted this term." if ruling else "A curator rejected this term."
            title, score = candidate.page.title, float(ruling)
            judgements.append(Judgement(title=title, accepted=ruling, score=score, reasons=(reason,)))
    if undecided:
        judgements += rules.judge.judge(undecided, context=context)
    if not reader.failed:
        # Judged without a page that may be had next time, a level is not final.
        reader.frontier.keep_level(path_length, judgements)
    reader.progress(what, len(candidates), len(candidates))
    return judgements
