"""Builds: assembled from a crawl, named by what they say, compared, published and rolled back."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kg_builder.build import assemble, publish_build, rollback_build
from kg_builder.crawl import Accepted, Crawled
from kg_builder.decisions import apply_decisions
from kg_builder.diff import diff_builds
from kg_builder.digest import digest_build
from kg_builder.model import Build, Decision, Digest, Made, PageText
from kg_builder.projection import published_projection
from kg_builder.stores import MapStore, open_map_store
from kg_builder.wikitext import parse_page
from strokemap.errors import BuildUnknown, NothingPublished
from strokemap.home import Home
from strokemap.progress import silent
from strokemap.topic import Topic

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
TOPIC = Topic(name="stroke", starting_terms=("Stroke", "Coma"), path_length=1)
PAGES = {
    "Stroke": (
        "It harms the [[brain]] and [[brain|it]]. [[CVA]] is a name. [[Elsewhere]]. {{Infobox x|ICD10=I63}}",
        "CVA",
    ),
    "Brain": ("An organ. A [[CVA]] harms it.\n== More ==\nSee [[Stroke]].", "Encephalon"),
    "Aphasia": ("Loss of speech. Often after a [[stroke]].", "Dysphasia"),
    "Coma": ("Deep sleep.", ""),
}


def crawled(**changed: str) -> Crawled:
    terms = [
        Accepted(
            page=parse_page(title, changed.get(title.lower(), text), redirects=[name] if name else []),
            path_length=0 if title in TOPIC.starting_terms else 1,
            relevance=1.0 if title in TOPIC.starting_terms else 0.6667,
            reasons=("why",),
        )
        for title, (text, name) in PAGES.items()
    ]
    failed = ("Palsy: no such page",)
    made = Made(
        source="/data/wiki.xml", judge="j", pages=5, requests=1, failed=failed, unread=2, passed_over=3, at=NOON
    )
    return Crawled(terms=tuple(terms), made=made)


def build_of(result: Crawled) -> Build:
    return assemble(TOPIC, crawled=result)[0]


@pytest.fixture
def build() -> Build:
    return build_of(crawled())


def test_terms_are_sorted_and_carry_what_the_pages_say(build: Build) -> None:
    assert [term.title for term in build.terms] == ["Aphasia", "Brain", "Coma", "Stroke"]
    stroke = build.terms[3]
    assert (stroke.other_names, stroke.codes, stroke.path_length) == (("CVA",), (("icd10", "I63"),), 0)
    assert stroke.summary == "It harms the brain and it."
    assert build.made.failed == ("Palsy: no such page",)
    assert (build.made.pages, build.made.unread, build.made.passed_over, build.made.at) == (5, 2, 3, NOON)


def test_every_pair_with_a_mention_either_way_is_one_link_with_all_its_evidence(build: Build) -> None:
    assert [(link.a, link.b) for link in build.links] == [("Aphasia", "Stroke"), ("Brain", "Stroke")]
    assert [(one.source, one.target, one.section, one.sentence) for one in build.links[1].evidence] == [
        ("Brain", "Stroke", "", "A CVA harms it."),
        ("Brain", "Stroke", "More", "See Stroke."),
        ("Stroke", "Brain", "", "It harms the brain and it."),
    ]


def test_texts_come_in_order_of_title_and_fit_the_content_hash() -> None:
    build, texts = assemble(TOPIC, crawled=crawled())
    assert [text.title for text in texts] == [term.title for term in build.terms]
    other = build_of(crawled(coma="Deeper sleep."))
    changed = [a.title for a, b in zip(build.terms, other.terms, strict=True) if a.content_hash != b.content_hash]
    assert changed == ["Coma"]


def test_digest_depends_on_no_order_clock_store_or_machine(build: Build) -> None:
    shuffled = random.Random(1)
    terms, links = [*build.terms], [replace(link, evidence=link.evidence[::-1]) for link in build.links]
    shuffled.shuffle(terms)
    shuffled.shuffle(links)
    topic = replace(TOPIC, starting_terms=TOPIC.starting_terms[::-1])
    assert digest_build(topic, terms, links) == build.digest
    made = replace(build.made, source="y", requests=9, failed=(), at=NOON + timedelta(1))
    assert build_of(replace(crawled(), made=made)).digest == build.digest
    backwards = replace(crawled(), terms=crawled().terms[::-1])
    assert build_of(backwards) == build


def test_digest_is_the_same_under_another_hash_seed(build: Build, tmp_path: Path) -> None:
    code = Path(__file__).read_text(encoding="utf-8").partition("@pytest.fixture")[0]
    script = tmp_path / "other.py"
    script.write_text(f"{code}\nprint(build_of(crawled()).digest)\n", encoding="utf-8")
    environment = os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": str(Path(__file__).parents[2])}
    found = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == build.digest


def test_digest_covers_everything_that_a_map_says(build: Build) -> None:
    stroke, link = build.terms[3], build.links[0]
    evidence = link.evidence[0]
    other_terms = [
        replace(stroke, other_names=("Apoplexy",)),
        replace(stroke, codes=(("icd10", "I64"),)),
        replace(stroke, path_length=1),
        replace(stroke, relevance=0.9),
        replace(stroke, content_hash=Digest("0" * 64)),
        replace(stroke, title="Strike"),
    ]
    other_links = [
        replace(link, b="Coma"),
        replace(link, evidence=(replace(evidence, sentence="Other."),)),
        replace(link, evidence=(replace(evidence, section="Other"),)),
        replace(link, evidence=(evidence, replace(evidence, section="Other"))),
    ]
    other_topics = [
        replace(TOPIC, name="other"), replace(TOPIC, path_length=2), replace(TOPIC, judge="everything"),
        replace(TOPIC, threshold=0.5), replace(TOPIC, starting_terms=("Stroke",)),
    ]  # fmt: skip
    digests = {build.digest, digest_build(TOPIC, build.terms, build.links[1:])}
    digests |= {digest_build(TOPIC, (*build.terms[:3], term), build.links) for term in other_terms}
    digests |= {digest_build(TOPIC, build.terms, (other, *build.links[1:])) for other in other_links}
    digests |= {digest_build(topic, build.terms, build.links) for topic in other_topics}
    assert len(digests) == 2 + len(other_terms) + len(other_links) + len(other_topics)


def test_digest_leaves_out_what_only_explains(build: Build) -> None:
    terms = [replace(term, reasons=("other",), summary="Other.") for term in build.terms]
    assert digest_build(TOPIC, terms, build.links) == build.digest


def test_diff_names_what_came_went_and_changed(build: Build) -> None:
    other = build_of(crawled(aphasia="No speech. See [[coma]].", brain="An organ."))
    other = replace(other, terms=tuple(replace(t, title="Cortex") if t.title == "Brain" else t for t in other.terms))
    found = diff_builds(build, other)
    assert (found.terms_added, found.terms_removed, found.terms_changed) == (("Cortex",), ("Brain",), ("Aphasia",))
    assert (found.links_added, found.links_removed) == ((("Aphasia", "Coma"),), (("Aphasia", "Stroke"),))
    assert found.links_changed == (("Brain", "Stroke"),)
    assert not found.topic_changed
    same = asdict(diff_builds(build, build))
    assert not any(same.values())


def causes(a: Build, b: Build, decisions: tuple[Decision, ...] = ()) -> dict[tuple[str, ...], list[tuple[object, str]]]:
    found: dict[tuple[str, ...], list[tuple[object, str]]] = {}
    for cause in diff_builds(a, b, decisions).causes:
        found.setdefault(cause.of, []).append((cause.decision or cause.page, cause.why))
    return found


def test_diff_names_the_page_that_caused_each_change(build: Build) -> None:
    other = build_of(crawled(aphasia="Loss of words. See [[coma]].", brain="An organ. A [[CVA|clot]] harms it."))
    other = replace(
        other, terms=tuple(replace(t, relevance=0.7) if t.title == "Coma" else t for t in other.terms if t.title != "x")
    )
    assert causes(build, other) == {
        ("Aphasia",): [("Aphasia", "its text changed")],
        ("Brain",): [("Brain", "its text changed")],
        ("Coma",): [("Aphasia", "its text changed"), ("Coma", "judged anew, 1.0000 → 0.7000")],
        ("Aphasia", "Coma"): [("Aphasia", "its text changed")],
        ("Aphasia", "Stroke"): [("Aphasia", "its text changed")],
        ("Brain", "Stroke"): [("Brain", "its text changed")],
    }


def test_diff_tells_a_term_that_came_or_went_from_the_pages_that_led_there(build: Build) -> None:
    """Brain was reached from Stroke alone: with that mention gone, the page of Stroke is the cause."""
    grown = crawled(stroke="A [[CVA]] is a name.")
    without = build_of(replace(grown, terms=tuple(term for term in grown.terms if term.page.title != "Brain")))
    went, came = causes(build, without), causes(without, build)
    assert went["Brain",] == came["Brain",] == [("Stroke", "its text changed")]
    assert went["Brain", "Stroke"] == [("Brain", "it is no term any more")]
    assert came["Brain", "Stroke"] == [("Brain", "it is a term now")]
    same_pages = replace(build, terms=tuple(term for term in build.terms if term.title != "Coma"))
    assert causes(build, same_pages)["Coma",] == [("Coma", "refused, linked no more, or its page is gone")]
    shorter = replace(same_pages, topic=replace(TOPIC, path_length=0))
    assert causes(build, shorter)["Coma",] == [("Coma", "the topic changed")]
    fresh = replace(same_pages, made=replace(build.made, judge="another"))
    assert causes(build, fresh)["Coma",] == [("Coma", "the judge changed")]


def test_diff_names_links_and_redirects_that_changed_under_the_same_text(build: Build) -> None:
    said = causes(build, build_of(crawled(aphasia="Loss of speech. Often after a stroke.")))
    assert said == {("Aphasia", "Stroke"): [("Aphasia", "its links changed")]}
    renamed = replace(build, terms=(*build.terms[:3], replace(build.terms[3], other_names=("Apoplexy",))))
    assert causes(build, renamed) == {("Stroke",): [("Stroke", "its redirects or codes changed")]}


def test_diff_names_decisions_made_between_the_two_and_no_other(build: Build) -> None:
    def decision(number: int, action: str, term: str, value: str = "", *, hours: int) -> Decision:
        at = NOON + timedelta(hours=hours)
        return Decision(number=number, action=action, term=term, value=value, who="Dr Ito", why="off", at=at)

    reject, early = decision(2, "reject", "Brain", hours=1), decision(1, "accept", "Brain", hours=0)
    cut = decision(3, "unlink", "Stroke", "Aphasia", hours=1)
    after = apply_decisions(build, [early, reject, cut])
    after = replace(after, made=replace(after.made, at=NOON + timedelta(hours=2)))
    undo = decision(4, "undo", "Brain", "2", hours=3)
    assert causes(build, after, (early, reject, cut, undo)) == {
        ("Brain",): [(2, "reject Brain (off)")],
        ("Brain", "Stroke"): [(2, "reject Brain (off)")],
        ("Aphasia", "Stroke"): [(3, "unlink Stroke Aphasia (off)")],
    }
    again = replace(apply_decisions(build, [cut]), made=replace(after.made, at=NOON + timedelta(hours=4)))
    assert causes(after, again, (early, reject, cut, undo))["Brain",] == [(4, "undone: reject Brain (off)")]


def test_diff_names_both_the_decision_and_the_page_where_both_changed_a_term(build: Build) -> None:
    at = NOON + timedelta(hours=1)
    said = {"who": "Dr Ito", "why": "said", "at": at}
    alias = Decision(number=1, action="alias", term="Aphasia", value="Wordlessness", **said)
    link = Decision(number=2, action="link", term="Coma", value="Brain", **said)
    merge = Decision(number=3, action="merge", term="Stroke", value="Brain", **said)
    changed = build_of(crawled(aphasia="Loss of words, often after a [[stroke]].", coma="Deeper sleep."))
    after = apply_decisions(changed, [alias, link, merge])
    found = causes(build, replace(after, made=replace(after.made, at=at)), (alias, link, merge))
    assert found["Aphasia",] == [(1, "alias Aphasia Wordlessness (said)"), ("Aphasia", "its text changed")]
    assert found["Coma",] == [("Coma", "its text changed")], "a link changes no term"
    assert found["Stroke",] == [(3, "merge Stroke Brain (said)")], "the merged text is no change of the page"
    assert found["Aphasia", "Stroke"][-1] == ("Aphasia", "its text changed")
    assert [cause for cause, _ in found["Coma", "Stroke"]] == [3]


def test_every_difference_has_a_cause(build: Build) -> None:
    changes = [{"coma": "Deep."}, {"stroke": "Nothing."}, {"brain": "[[Coma]]"}, {"aphasia": "[[Brain]] and [[coma]]."}]
    for change in changes:
        found = diff_builds(build, build_of(crawled(**change)))
        items = {(title,) for title in (*found.terms_added, *found.terms_removed, *found.terms_changed)}
        items |= {*found.links_added, *found.links_removed, *found.links_changed}
        assert {cause.of for cause in found.causes} == items != set()
        assert all(cause.page for cause in found.causes)


@pytest.fixture
def store(tmp_path: Path) -> MapStore:
    return open_map_store(f"sqlite://{tmp_path}/map.db")


def stored(store: MapStore, **changed: str) -> Digest:
    build, texts = assemble(TOPIC, crawled=crawled(**changed))
    store.write(build, texts=texts, progress=silent)
    return build.digest


def test_publishing_swings_store_and_pointer_to_the_projection(store: MapStore, home: Home) -> None:
    digest = stored(store)
    with pytest.raises(NothingPublished):
        published_projection(home)
    projection = publish_build(store, digest, home=home, progress=silent)
    assert projection.digest == digest
    assert published_projection(home).digest == digest
    assert store.published("stroke") == digest
    assert list(projection.texts()) == list(store.texts(digest))


def test_rollback_goes_back_to_the_build_published_before(store: MapStore, home: Home) -> None:
    first, second = stored(store), stored(store, coma="Deeper sleep.")
    for digest in (first, second):
        publish_build(store, digest, home=home, progress=silent)
    assert rollback_build(store, "stroke", home=home, progress=silent).digest == first
    assert published_projection(home).digest == first
    with pytest.raises(BuildUnknown):
        rollback_build(store, "stroke", home=home, progress=silent)
    assert store.published("stroke") == home.current("map") == first


def test_projections_of_builds_that_are_kept_no_more_are_swept_and_so_is_what_a_kill_left(
    store: MapStore, home: Home
) -> None:
    digests = [stored(store, coma=f"Sleep {number}.") for number in range(3)]
    for digest in digests:
        publish_build(store, digest, home=home, progress=silent)
    (home.projections / ".making").mkdir()
    digests += [stored(store, coma=f"Sleep {number}.") for number in range(3, 6)]
    publish_build(store, digests[-1], home=home, progress=silent)
    assert digests[0] not in {build.digest for build in store.builds()}
    assert {path.name for path in home.projections.iterdir()} == {digests[1], digests[2], digests[-1]}
    assert rollback_build(store, "stroke", home=home, progress=silent).digest == digests[2]


def test_unknown_build_is_not_published_and_nothing_moves(store: MapStore, home: Home) -> None:
    digest = stored(store)
    publish_build(store, digest, home=home, progress=silent)
    with pytest.raises(BuildUnknown):
        publish_build(store, Digest("0" * 64), home=home, progress=silent)
    assert home.current("map") == digest


def test_publishing_that_stopped_halfway_is_finished_by_publishing_again(store: MapStore, home: Home) -> None:
    first, second = stored(store), stored(store, coma="Deeper sleep.")
    publish_build(store, first, home=home, progress=silent)
    store.publish(second)  # the crash came before the pointer moved
    assert published_projection(home).digest == first
    publish_build(store, second, home=home, progress=silent)
    assert published_projection(home).digest == store.published("stroke") == second


def test_page_texts_are_what_was_parsed(store: MapStore) -> None:
    texts = list(store.texts(stored(store)))
    assert texts[2] == PageText(title="Coma", sections=parse_page("Coma", "Deep sleep.").sections)
