"""What every MapStore keeps. A new implementation is one more branch in ``open_store``, and one in IMPLEMENTATIONS."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import pytest

from kg_builder.model import Build, Decision, Digest, Evidence, Link, Made, PageText, Section, Term
from kg_builder.stores import BuildSummary, MapStore, TermView, open_map_store
from kg_builder.stores.neo4j import Neo4jMapStore
from kg_builder.stores.sqlite import SqliteMapStore
from strokemap.errors import BuildUnknown, MapStoreUnreachable, MapTermUnknown
from strokemap.progress import Progress, silent
from strokemap.topic import Topic

NOON = datetime(2026, 11, 1, 12, tzinfo=timezone(timedelta(hours=1)))
HOSTILE = "Robert'); DROP TABLE builds;-- \" ` $1 {x} \\ 𝔖 \u2028"


class FakeStore:
    """A store in memory, with a dial: out of reach for every call while ``error`` is set."""

    def __init__(self) -> None:
        self.error: MapStoreUnreachable | None = None
        self._builds: dict[Digest, tuple[Build, tuple[PageText, ...]]] = {}
        self._stacks: dict[str, list[Digest]] = {}
        self._decisions: list[Decision] = []

    def write(self, build: Build, *, texts: Iterable[PageText], progress: Progress) -> None:
        self._reach()
        if build.digest not in self._builds:
            titles = {term.title for term in build.terms}
            kept = sorted((text for text in texts if text.title in titles), key=lambda text: text.title)
            self._builds[build.digest] = build, tuple(kept)
            progress("storing the build", 1, 1)

    def read(self, digest: Digest) -> Build:
        return self._find(digest)[0]

    def texts(self, digest: Digest) -> Iterator[PageText]:
        yield from self._find(digest)[1]

    def builds(self) -> tuple[BuildSummary, ...]:
        self._reach()
        tops = {stack[-1] for stack in self._stacks.values()}
        return tuple(
            BuildSummary(
                digest=build.digest,
                topic=build.topic.name,
                terms=len(build.terms),
                links=len(build.links),
                made=build.made,
                published=build.digest in tops,
            )
            for build, _ in reversed(self._builds.values())
        )

    def publish(self, digest: Digest) -> None:
        stack = self._stacks.setdefault(self._find(digest)[0].topic.name, [])
        if stack[-1:] != [digest]:
            stack.append(digest)

    def published(self, topic: str) -> Digest | None:
        self._reach()
        return (self._stacks.get(topic) or [None])[-1]

    def rollback(self, topic: str) -> Digest:
        self._reach()
        stack = self._stacks.get(topic, [])
        if len(stack) < 2:
            raise BuildUnknown("Nothing was published before.", hint="Publish a build.")
        stack.pop()
        return stack[-1]

    def decide(self, decision: Decision) -> Decision:
        self._reach()
        self._decisions.append(replace(decision, number=len(self._decisions) + 1))
        return self._decisions[-1]

    def decisions(self) -> tuple[Decision, ...]:
        self._reach()
        return tuple(self._decisions)

    def term(self, digest: Digest, title: str) -> TermView:
        build = self._find(digest)[0]
        for term in build.terms:
            if term.title == title:
                return TermView(term=term, links=tuple(link for link in build.links if title in (link.a, link.b)))
        raise MapTermUnknown("No such term.", hint="Give its title.", where=title)

    def least_certain(self, digest: Digest, *, limit: int) -> tuple[Term, ...]:
        reached = (term for term in self._find(digest)[0].terms if term.path_length)
        return tuple(sorted(reached, key=lambda term: (term.relevance, term.title))[:limit])

    def path(self, digest: Digest, start: str, end: str) -> tuple[str, ...]:
        build = self._find(digest)[0]
        for title in (start, end):
            self.term(digest, title)
        paths = [(start,)]
        for path in paths:
            if path[-1] == end:
                return path
            met = {title for known in paths for title in known}
            near = {link.a if link.b == path[-1] else link.b for link in build.links if path[-1] in (link.a, link.b)}
            paths += [(*path, title) for title in sorted(near - met)]
        return ()

    def close(self) -> None:
        self._builds = {}

    def _reach(self) -> None:
        if self.error:
            raise self.error

    def _find(self, digest: Digest) -> tuple[Build, tuple[PageText, ...]]:
        self._reach()
        if digest not in self._builds:
            raise BuildUnknown("No such build.", hint="List the builds.", where=digest)
        return self._builds[digest]


IMPLEMENTATIONS = {"sqlite": SqliteMapStore, "neo4j": Neo4jMapStore, "fake": FakeStore}


@pytest.fixture(params=["sqlite", pytest.param("neo4j", marks=pytest.mark.server), "fake"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], MapStore]]:
    """Open the same store, as often as wanted."""
    fake = FakeStore()
    urls = {"sqlite": f"sqlite:///{tmp_path}/map.db"}
    if request.param == "neo4j":
        urls["neo4j"] = request.getfixturevalue("neo4j_server").url
    with contextlib.ExitStack() as opened:

        def open_again() -> MapStore:
            store = open_map_store(urls[request.param]) if request.param in urls else fake
            opened.callback(store.close)
            return store

        yield open_again


@pytest.fixture
def store(open_store: Callable[[], MapStore]) -> Iterator[MapStore]:
    store = open_store()
    yield store
    store.close()


def build_of(name: str, *, topic: str = "stroke", terms: int = 3) -> Build:
    titles = sorted([f"Term {number}" for number in range(terms - 1)] + [HOSTILE])
    links = tuple(
        Link(
            a=a,
            b=b,
            evidence=(
                Evidence(source=b, target=a, section="", sentence=HOSTILE),
                Evidence(source=a, target=b, section="Signs", sentence=f"{a} and {b}"),
            ),
        )
        for a, b in pairwise(titles)
    )
    lacking = ("Coma: no such page",)
    made = Made(source="/x", judge="model", pages=7, requests=1, failed=lacking, unread=3, passed_over=4, at=NOON)
    return Build(
        digest=Digest(name * 64),
        topic=Topic(name=topic, starting_terms=("Term 1", HOSTILE), path_length=2, threshold=0.3),
        terms=tuple(
            Term(
                title=title,
                other_names=("Ä", HOSTILE),
                path_length=1,
                relevance=0.1234,
                reasons=("one", "two"),
                codes=(("icd10", "I63"),),
                summary=HOSTILE,
                content_hash=Digest("c" * 64),
            )
            for title in titles
        ),
        links=links,
        made=made,
    )


def texts_of(build: Build) -> list[PageText]:
    return [
        PageText(title=term.title, sections=(Section(heading="", text=HOSTILE), Section(heading="Care", text="x\ny")))
        for term in build.terms
    ]


def put(store: MapStore, name: str, *, topic: str = "stroke") -> Digest:
    build = build_of(name, topic=topic)
    store.write(build, texts=texts_of(build), progress=silent)
    return build.digest


def decision(term: str = "Term 1") -> Decision:
    return Decision(number=0, action="accept", term=term, value="", who="curator", why="because", at=NOON)


def test_build_comes_back_equal_and_in_every_later_session(open_store: Callable[[], MapStore]) -> None:
    build = build_of("a")
    store = open_store()
    store.write(build, texts=texts_of(build), progress=silent)
    again = open_store()
    assert again.read(build.digest) == build
    assert again.read(build.digest).made.at.utcoffset() == NOON.utcoffset()
    assert list(again.texts(build.digest)) == texts_of(build)


def test_same_build_again_changes_nothing(store: MapStore) -> None:
    digest = put(store, "a")
    later = replace(build_of("a"), made=replace(build_of("a").made, at=NOON + timedelta(days=1), pages=99))
    store.write(later, texts=[], progress=silent)
    assert store.read(digest).made == build_of("a").made
    assert len(list(store.texts(digest))) == 3
    assert len(store.builds()) == 1


def test_texts_come_in_order_of_title_and_only_of_terms(store: MapStore) -> None:
    build = build_of("a")
    stray = PageText(title="Stray", sections=())
    store.write(build, texts=[stray, *reversed(texts_of(build))], progress=silent)
    assert [text.title for text in store.texts(build.digest)] == [term.title for term in build.terms]


def test_other_calls_may_go_between_two_texts(store: MapStore) -> None:
    digest = put(store, "a")
    found = []
    for text in store.texts(digest):
        store.decide(decision(text.title))
        found.append(text.title)
    assert [one.term for one in store.decisions()] == found


def test_write_cut_off_leaves_nothing(store: MapStore) -> None:
    build = build_of("a")

    def cut_off() -> Iterator[PageText]:
        yield texts_of(build)[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(build, texts=cut_off(), progress=silent)
    assert store.builds() == ()
    with pytest.raises(BuildUnknown):
        store.read(build.digest)
    put(store, "a")
    assert store.read(build.digest) == build


def test_builds_are_listed_newest_first_with_their_counts(store: MapStore) -> None:
    put(store, "a")
    put(store, "b", topic="diabetes")
    store.publish(put(store, "c"))
    assert [(one.digest[0], one.topic, one.terms, one.links, one.published) for one in store.builds()] == [
        ("c", "stroke", 3, 2, True),
        ("b", "diabetes", 3, 2, False),
        ("a", "stroke", 3, 2, False),
    ]
    assert store.builds()[0].made == build_of("c").made


def test_nothing_is_published_at_first(store: MapStore) -> None:
    put(store, "a")
    assert store.published("stroke") is None
    with pytest.raises(BuildUnknown):
        store.rollback("stroke")


def test_each_topic_has_its_own_published_build(store: MapStore) -> None:
    stroke, diabetes = put(store, "a"), put(store, "b", topic="diabetes")
    store.publish(stroke)
    assert store.published("diabetes") is None
    store.publish(diabetes)
    assert (store.published("stroke"), store.published("diabetes")) == (stroke, diabetes)


def test_rollbacks_retrace_publications_one_by_one(store: MapStore) -> None:
    a, b, c = (put(store, name) for name in "abc")
    for digest in (a, b, b, c):
        store.publish(digest)
    assert [store.rollback("stroke"), store.published("stroke")] == [b, b]
    assert store.rollback("stroke") == a
    with pytest.raises(BuildUnknown) as caught:
        store.rollback("stroke")
    assert caught.value.hint
    assert store.published("stroke") == a
    store.publish(c)
    assert store.rollback("stroke") == a


def test_last_three_builds_and_the_published_ones_are_kept(store: MapStore) -> None:
    first, second, other = put(store, "a"), put(store, "b"), put(store, "f", topic="diabetes")
    store.publish(first)
    store.publish(second)
    names = "1234567"
    for name in names:
        put(store, name)
    kept = {one.digest for one in store.builds()}
    assert {first, second, other} | {Digest(name * 64) for name in names[-3:]} <= kept
    assert store.read(second) == build_of("b")
    assert store.rollback("stroke") == first
    for digest in kept:
        assert len(list(store.texts(digest))) == 3


def test_unknown_build_is_told_by_every_method(store: MapStore) -> None:
    put(store, "a")
    unknown = Digest("0" * 64)
    for ask in (
        store.read,
        lambda digest: list(store.texts(digest)),
        store.publish,
        lambda d: store.term(d, "x"),
        lambda d: store.path(d, "x", "y"),
        lambda d: store.least_certain(d, limit=1),
    ):
        with pytest.raises(BuildUnknown) as caught:
            ask(unknown)
        assert caught.value.hint
    assert store.published("stroke") is None


def test_term_is_looked_up_with_its_links(store: MapStore) -> None:
    digest = put(store, "a")
    build = build_of("a")
    for term in build.terms:
        view = store.term(digest, term.title)
        assert view.term == term
        assert view.links == tuple(link for link in build.links if term.title in (link.a, link.b))
    with pytest.raises(MapTermUnknown):
        store.term(digest, "term 1")


def test_least_certain_terms_come_by_relevance_then_title_without_starting_ones(store: MapStore) -> None:
    build = build_of("a", terms=6)
    relevances, lengths = (1.0, 0.9, 0.35, 0.35, 0.1234, 0.2), (0, 1, 1, 2, 2, 0)
    terms = tuple(
        replace(term, relevance=relevance, path_length=length)
        for term, relevance, length in zip(build.terms, relevances, lengths, strict=True)
    )
    store.write(replace(build, terms=terms), texts=(), progress=silent)
    expected = tuple(terms[index] for index in (4, 2, 3, 1))
    assert store.least_certain(build.digest, limit=99) == expected
    assert store.least_certain(build.digest, limit=2) == expected[:2]
    assert store.least_certain(build.digest, limit=0) == ()


def test_path_is_a_shortest_one_of_links(store: MapStore) -> None:
    build = build_of("a", terms=6)
    first, *_, last = titles = [term.title for term in build.terms]
    store.write(build, texts=(), progress=silent)
    assert store.path(build.digest, first, last) == tuple(titles), "a chain has but one path"
    assert store.path(build.digest, last, first) == tuple(reversed(titles))
    assert store.path(build.digest, first, first) == (first,)
    shortcut = replace(build.links[0], a=titles[1], b=titles[4])
    links = sorted([*build.links[1:], shortcut], key=lambda link: (link.a, link.b))
    other = replace(build, digest=Digest("b" * 64), links=tuple(links))
    store.write(other, texts=(), progress=silent)
    assert store.path(other.digest, titles[1], last) == (titles[1], titles[4], last)
    assert store.path(other.digest, first, last) == (), "the first has lost its link"
    for start, end in ((first, "Nobody"), ("Nobody", first)):
        with pytest.raises(MapTermUnknown) as caught:
            store.path(other.digest, start, end)
        assert caught.value.where == "Nobody"


def test_decisions_are_numbered_and_kept_in_order(open_store: Callable[[], MapStore]) -> None:
    store = open_store()
    assert store.decisions() == ()
    made = [store.decide(decision(term)) for term in ("A", HOSTILE, "A")]
    assert [one.number for one in made] == [1, 2, 3]
    assert made[1] == replace(decision(HOSTILE), number=2)
    assert open_store().decisions() == tuple(made)


def test_decisions_at_the_same_time_get_different_numbers(store: MapStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda number: store.decide(decision(f"Term {number}")), range(20)))
    assert sorted(one.number for one in made) == list(range(1, 21))
    assert sorted(made, key=lambda one: one.number) == list(store.decisions())


def test_build_without_links_or_texts_is_a_build(store: MapStore) -> None:
    build = replace(build_of("a"), terms=build_of("a").terms[:1], links=())
    store.write(build, texts=[], progress=silent)
    assert store.read(build.digest) == build
    assert list(store.texts(build.digest)) == []


def test_writing_reports_progress_up_to_its_end(store: MapStore) -> None:
    seen: list[tuple[int, int | None]] = []
    build = build_of("a")
    store.write(build, texts=[], progress=lambda _what, done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS.values())
def test_signatures_are_those_of_the_seam(implementation: type) -> None:
    for name, method in inspect.getmembers(MapStore, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.signature(getattr(implementation, name)) == inspect.signature(method)


def test_dial_of_the_fake_works() -> None:
    fake = FakeStore()
    fake.error = MapStoreUnreachable("Away.", hint="Wait.")
    for call in (fake.builds, fake.decisions, lambda: fake.read(Digest("a"))):
        with pytest.raises(MapStoreUnreachable):
            call()
