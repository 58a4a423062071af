"""The crawl: along accepted links, level by level, the same end however often it is interrupted."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kg_builder.build import assemble
from kg_builder.crawl import BATCH, Crawled, crawl
from kg_builder.frontier import Frontier
from kg_builder.judge.base import Context
from kg_builder.judge.decided import measure_decided
from kg_builder.judge.rules import EverythingJudge
from kg_builder.model import Build, Candidate, Decision, Judgement
from kg_builder.sources import PageSource, open_source
from kg_builder.sources.base import Fetched
from strokemap.errors import StartingTermsMissing
from strokemap.progress import silent
from strokemap.topic import Topic

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
WIKI = {
    "Stroke": "[[Brain]], [[CVA risk]], [[Paris]], [[dysphasia]] in [[2013]]. [[Stroke (disambiguation)]] [[Nowhere]]",
    "Stroke (disambiguation)": "[[Swimming]] {{disambig}}",
    "Brain": "The [[skull]]. See [[Stroke]].",
    "Risk": "[[Smoking]] and [[Paris]].",
    "CVA risk": "#REDIRECT [[Risk of stroke]]",
    "Risk of stroke": "#REDIRECT [[Risk]]",
    "Paris": "[[Louvre]] and [[Skull]].",
    "Louvre": "[[Painting]].",
    "Aphasia": "[[Smoking]] does not cause it. A [[stroke]] does.",
    "Dysphasia": "#REDIRECT [[Aphasia]]",
    "Skull": "[[Bone]].",
    "Smoking": "[[Tobacco]].",
    "Bone": "Hard.",
    "Tobacco": "A plant.",
    "Swimming": "A sport.",
    "2013": "[[Stroke]].",
    "Painting": "Art.",
}
TOPIC = Topic(name="stroke", starting_terms=("Stroke",), path_length=2)


class Refusing:
    """A judge that accepts all pages but those named, and remembers what it was shown."""

    def __init__(self, *refused: str, passed_over: Collection[str] = ()) -> None:
        self.refused, self.passed_over = refused, passed_over
        self.glanced: dict[str, list[str]] = {}
        self.seen: list[tuple[list[Candidate], Context]] = []

    @property
    def name(self) -> str:
        return f"all but {self.refused}"

    def worth_reading(self, title: str, sentences: Sequence[str]) -> bool:
        self.glanced[title] = list(sentences)
        return title not in self.passed_over

    def judge(self, candidates: Sequence[Candidate], *, context: Context) -> list[Judgement]:
        self.seen.append((list(candidates), context))
        return [
            Judgement(title=one.page.title, accepted=one.page.title not in self.refused, score=2 / 3, reasons=("why",))
            for one in candidates
        ]


class Faulty:
    """A source with dials over a real one: raise in one of its answers, or fail to give some titles."""

    def __init__(self, source: PageSource, *, raise_at: int = 0, error: type[BaseException] = Exception) -> None:
        self.source, self.raise_at, self.error = source, raise_at, error
        self.failing: dict[str, str] = {}
        self.asked: list[str] = []
        self.name, self.site, self.edition = source.name, source.site, source.edition
        self.answers = 0

    @property
    def requests(self) -> int:
        return self.answers

    def fetch(self, titles: Sequence[str]) -> Fetched:
        self.answers += 1
        if self.answers == self.raise_at:
            raise self.error
        self.asked += titles
        fetched = self.source.fetch(titles)
        failed = {title: self.failing[title] for title in titles if title in self.failing}
        return replace(fetched, pages=tuple(page for page in fetched.pages if page.title not in failed), failed=failed)

    def close(self) -> None:
        self.source.close()


Opener = Callable[[Mapping[str, str]], Faulty]


@pytest.fixture
def open_wiki(write_export: Callable[..., Path], tmp_path: Path) -> Iterator[Opener]:
    opened: list[Faulty] = []

    def open_(pages: Mapping[str, str]) -> Faulty:
        opened.append(Faulty(open_source(str(write_export(pages)), work=tmp_path / "work", progress=silent)))
        return opened[-1]

    yield open_
    for source in opened:
        source.close()


@pytest.fixture
def frontier(tmp_path: Path) -> Iterator[Frontier]:
    frontier = Frontier.open(tmp_path / "frontier")
    yield frontier
    frontier.close()


def decision(number: int, action: str, term: str, value: str = "") -> Decision:
    return Decision(number=number, action=action, term=term, value=value, who="c", why="w", at=NOON)


def run(source: PageSource, frontier: Frontier, **more: object) -> Crawled:
    options = {"judge": Refusing(), "max_pages": None, "progress": silent, "now": NOON, "topic": TOPIC} | more
    topic = options.pop("topic")
    return crawl(topic, source=source, frontier=frontier, **options)  # type: ignore[arg-type]


def lengths(crawled: Crawled) -> dict[str, int]:
    return {term.page.title: term.path_length for term in crawled.terms}


def build_of(crawled: Crawled) -> Build:
    return assemble(TOPIC, crawled=crawled)[0]


def test_path_length_counts_links_followed(open_wiki: Opener, frontier: Frontier) -> None:
    assert lengths(run(open_wiki(WIKI), frontier)) == {
        "Stroke": 0, "Aphasia": 1, "Brain": 1, "Paris": 1, "Risk": 1, "Louvre": 2, "Skull": 2, "Smoking": 2,
    }  # fmt: skip


def test_links_of_refused_pages_are_not_followed(open_wiki: Opener, frontier: Frontier) -> None:
    crawled = run(open_wiki(WIKI), frontier, judge=Refusing("Paris", "Brain"))
    assert lengths(crawled) == {"Stroke": 0, "Aphasia": 1, "Risk": 1, "Smoking": 2}


def test_path_length_0_gives_the_starting_terms(open_wiki: Opener, frontier: Frontier) -> None:
    topic = replace(TOPIC, path_length=0, starting_terms=("Stroke", "CVA risk"))
    assert lengths(run(open_wiki(WIKI), frontier, topic=topic)) == {"Risk": 0, "Stroke": 0}


def test_judge_sees_each_page_once_with_all_evidence_and_what_was_accepted(
    open_wiki: Opener, frontier: Frontier
) -> None:
    judge = Refusing("Paris")
    run(open_wiki(WIKI), frontier, judge=judge)
    (first, before), (second, later) = judge.seen
    assert [one.page.title for one in first] == ["Aphasia", "Brain", "Paris", "Risk"]
    assert [one.page.title for one in second] == ["Skull", "Smoking"]
    assert [page.title for page in before.accepted] == ["Stroke"]
    assert [page.title for page in later.accepted] == ["Aphasia", "Brain", "Risk", "Stroke"]
    assert [page.title for page in later.starting] == ["Stroke"]
    assert {(one.source, one.target) for one in second[1].evidence} == {("Aphasia", "Smoking"), ("Risk", "Smoking")}
    assert {one.target for one in first[3].evidence} == {"Risk"}


def test_relevance_and_reasons_are_the_judges(open_wiki: Opener, frontier: Frontier) -> None:
    terms = {term.page.title: term for term in run(open_wiki(WIKI), frontier).terms}
    assert (terms["Stroke"].relevance, terms["Brain"].relevance) == (1.0, 0.6667)
    assert terms["Brain"].reasons == ("why",)


def test_rejected_title_is_never_accepted_and_not_judged(open_wiki: Opener, frontier: Frontier) -> None:
    judge = Refusing()
    crawled = run(open_wiki(WIKI), frontier, judge=judge, decisions=[decision(1, "reject", "Brain")])
    assert "Brain" not in lengths(crawled)
    assert all(one.page.title != "Brain" for candidates, _ in judge.seen for one in candidates)


def test_accepted_title_is_accepted_once_a_link_leads_there(open_wiki: Opener, frontier: Frontier) -> None:
    decisions = [decision(1, "accept", "Dysphasia"), decision(2, "accept", "Tobacco")]
    judge = Refusing("Aphasia", "Brain", "Paris", "Risk")
    crawled = run(open_wiki(WIKI), frontier, judge=judge, decisions=decisions)
    assert lengths(crawled) == {"Stroke": 0, "Aphasia": 1, "Smoking": 2}


def test_last_titles_that_are_not_worth_reading_are_never_asked_for_and_counted(
    open_wiki: Opener, frontier: Frontier
) -> None:
    judge, source = Refusing(passed_over=("Louvre", "Skull", "Brain")), open_wiki(WIKI)
    crawled = run(source, frontier, judge=judge)
    assert judge.glanced == {
        "Louvre": ["Louvre and Skull."], "Skull": ["The skull.", "Louvre and Skull."],
        "Smoking": ["Smoking does not cause it.", "Smoking and Paris."],
    }, "only titles at the last path length, with every sentence that mentions them"  # fmt: skip
    assert crawled.made.passed_over == 2
    assert {"Louvre", "Skull"}.isdisjoint(source.asked)
    assert lengths(crawled) == {"Stroke": 0, "Aphasia": 1, "Brain": 1, "Paris": 1, "Risk": 1, "Smoking": 2}
    assert run(source, frontier, judge=Refusing()).made.passed_over == 0


def test_last_title_that_a_curator_accepted_is_read_whatever_the_judge_says(
    open_wiki: Opener, frontier: Frontier
) -> None:
    judge = Refusing("Smoking", passed_over=("Louvre", "Skull", "Smoking"))
    crawled = run(open_wiki(WIKI), frontier, judge=judge, decisions=[decision(1, "accept", "Skull")])
    assert (lengths(crawled)["Skull"], crawled.made.passed_over) == (2, 2)


def test_titles_passed_over_do_not_use_up_the_limit(open_wiki: Opener, frontier: Frontier) -> None:
    crawled = run(open_wiki(WIKI), frontier, judge=Refusing(passed_over=("Skull", "Smoking")), max_pages=7)
    assert (lengths(crawled)["Louvre"], crawled.made.passed_over, crawled.made.unread) == (2, 2, 0)


@pytest.mark.parametrize(("action", "refused"), [("accept", ("Brain",)), ("reject", ())])
def test_undone_decision_has_no_effect(
    action: str, refused: tuple[str, ...], open_wiki: Opener, frontier: Frontier
) -> None:
    decided, undone = decision(1, action, "Brain"), decision(2, "undo", "Brain", "1")
    builds = [
        lengths(run(open_wiki(WIKI), frontier, judge=Refusing(*refused), decisions=decisions))
        for decisions in ([decided], [decided, undone])
    ]
    assert ["Brain" in found for found in builds] == [bool(refused), not refused]


def test_new_decision_is_heeded_when_the_crawl_is_resumed(open_wiki: Opener, frontier: Frontier) -> None:
    source = open_wiki(WIKI)
    run(source, frontier)
    source.asked.clear()
    crawled = run(source, frontier, decisions=[decision(1, "reject", "Brain")])
    assert "Brain" not in lengths(crawled)
    assert source.asked == []


def test_starting_terms_that_the_source_lacks_are_recorded(open_wiki: Opener, frontier: Frontier) -> None:
    topic = replace(TOPIC, path_length=0, starting_terms=("Stroke", "Coma", "Stroke (disambiguation)"))
    crawled = run(open_wiki(WIKI), frontier, topic=topic)
    assert lengths(crawled) == {"Stroke": 0}
    assert [line.partition(":")[0] for line in crawled.made.failed] == ["Coma", "Stroke (disambiguation)"]


def test_source_without_any_starting_term_is_the_wrong_one(open_wiki: Opener, frontier: Frontier) -> None:
    with pytest.raises(StartingTermsMissing) as caught:
        run(open_wiki({"Rowing": "A sport."}), frontier)
    assert caught.value.where is not None


def test_limit_cuts_the_least_linked_pages_and_is_recorded(open_wiki: Opener, frontier: Frontier) -> None:
    crawled = run(open_wiki(WIKI), frontier, max_pages=7)
    # One page is left for the second level: Skull and Smoking are linked twice, Louvre once.
    assert crawled.made.pages == 7
    assert lengths(crawled) == {"Stroke": 0, "Aphasia": 1, "Brain": 1, "Paris": 1, "Risk": 1, "Skull": 2}
    assert crawled.made.unread == 2
    assert run(open_wiki(WIKI), frontier, max_pages=1000).made.unread == 0


@pytest.mark.parametrize("limit", range(1, 13))
def test_limit_is_never_exceeded_and_more_room_loses_no_term(limit: int, open_wiki: Opener, tmp_path: Path) -> None:
    found = []
    for room in (limit, limit + 1):
        frontier = Frontier.open(tmp_path / f"frontier {room}")
        crawled = run(open_wiki(WIKI), frontier, max_pages=room)
        frontier.close()
        assert crawled.made.pages <= room
        found.append(set(lengths(crawled)))
    assert found[0] <= found[1]


def test_what_was_decided_is_measured_from_the_pages_that_a_crawl_kept(open_wiki: Opener, tmp_path: Path) -> None:
    with closing(Frontier.open(tmp_path / "kept")) as frontier:
        run(open_wiki(WIKI), frontier, judge=EverythingJudge())
        kept = frontier.resolved()
    decisions = [decision(1, "reject", "Brain"), decision(2, "accept", "Risk")]
    both = {"Brain": False, "Risk": True}
    for folder, max_pages, answers, found in (("kept", None, 0, both), ("nothing", 2, 2, {"Brain": False})):
        source = open_wiki(WIKI)
        decided = measure_decided(
            TOPIC,
            source=source,
            judge=EverythingJudge(),
            decisions=decisions,
            kept=tmp_path / folder,
            max_pages=max_pages,
            progress=silent,
            now=NOON,
        )
        assert source.answers == answers
        assert {one.title: one.near for one in decided} == found
    with closing(Frontier.open(tmp_path / "kept")) as frontier:
        assert (frontier.resolved(), frontier.level(1) is None) == (kept, False)


def test_page_that_could_not_be_had_is_recorded_and_asked_for_again(open_wiki: Opener, frontier: Frontier) -> None:
    source = open_wiki(WIKI)
    source.failing = {"Brain": "timed out"}
    first = run(source, frontier)
    assert "Brain" not in lengths(first)
    assert first.made.failed == ("Brain: timed out",)
    source.failing = {}
    assert lengths(run(source, frontier))["Brain"] == 1


@pytest.mark.parametrize("answer", range(1, 4))
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_interrupted_crawl_goes_on_where_it_was(
    answer: int, error: type[BaseException], open_wiki: Opener, frontier: Frontier, tmp_path: Path
) -> None:
    whole = Frontier.open(tmp_path / "whole")
    expected = run(open_wiki(WIKI), whole)
    whole.close()
    source = open_wiki(WIKI)
    source.raise_at, source.error = answer, error
    with pytest.raises(error):
        run(source, frontier)
    before = list(source.asked)
    assert bool(frontier.resolved()) == (answer > 1)
    assert run(source, frontier).terms == expected.terms
    assert len(source.asked) == len(set(source.asked))
    assert source.asked[: len(before)] == before


def test_clock_and_order_of_starting_terms_do_not_change_the_build(open_wiki: Opener, tmp_path: Path) -> None:
    digests = set()
    for number, terms in enumerate((("Stroke", "Aphasia"), ("Aphasia", "Stroke"))):
        topic = replace(TOPIC, starting_terms=terms)
        frontier = Frontier.open(tmp_path / str(number))
        now = NOON + timedelta(days=number)
        crawled = run(open_wiki(WIKI), frontier, topic=topic, now=now)
        digests.add(assemble(topic, crawled=crawled)[0].digest)
        frontier.close()
    assert len(digests) == 1


_CHILD = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from kg_builder.build import assemble
from kg_builder.crawl import crawl
from kg_builder.frontier import Frontier
from kg_builder.model import Judgement
from kg_builder.sources import open_source
from strokemap.progress import silent
from strokemap.topic import Topic

class Odd:
    name = "odd"
    def worth_reading(self, title, sentences):
        return len(title) % 4 != 0
    def judge(self, candidates, *, context):
        return [Judgement(title=one.page.title, accepted=len(one.page.title) % 5 != 0, score=0.5) for one in candidates]

export, work, steps = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
def progress(what, done, total):
    global steps
    steps -= 1
    if steps == 0:
        os.kill(os.getpid(), signal.SIGKILL)

now = datetime.now(UTC)
source = open_source(export, work=work, progress=silent)
frontier = Frontier.open(work / "crawl")
topic = Topic(name="numbers", starting_terms=("Page 1",), path_length=4)
crawled = crawl(topic, source=source, judge=Odd(), frontier=frontier, max_pages=None, progress=progress, now=now)
print(assemble(topic, crawled=crawled)[0].digest, len(crawled.terms))
"""


@pytest.mark.slow
def test_crawl_killed_five_times_ends_in_the_same_build(write_export: Callable[..., Path], tmp_path: Path) -> None:
    pages = {
        f"Page {number}": " ".join(f"[[Page {number * 5 + step}]]." for step in range(12)) for number in range(1, 500)
    }
    export = write_export(pages)

    def child(work: str, steps: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", _CHILD, str(export), str(tmp_path / work), str(steps)]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    whole = child("whole", 0)
    assert whole.returncode == 0, whole.stderr
    assert int(whole.stdout.split()[1]) > 3 * BATCH
    read = [0]
    for steps in random.Random(20211).sample(range(3, 10), 5):
        assert child("killed", steps).returncode == -signal.SIGKILL
        frontier = Frontier.open(tmp_path / "killed" / "crawl")
        read.append(len(frontier.pages(title for title in frontier.resolved().values() if title)))
        frontier.close()
    assert read == sorted(read)
    assert len(set(read)) > 3, "most kills come after a new checkpoint"
    assert child("killed", 0).stdout == whole.stdout
