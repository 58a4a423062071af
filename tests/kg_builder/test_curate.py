from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg_builder.curate import ACTIONS, apply_decisions, curated_texts, decide, history, in_force, review_queue
from kg_builder.digest import digest_build
from kg_builder.model import Build, Decision, Digest, Evidence, Link, PageText, Term
from kg_builder.projection import make_projection
from kg_builder.stores import MapStore, open_map_store
from strokemap.errors import DecisionInvalid
from strokemap.progress import silent

Decide = Callable[..., Decision]


@pytest.fixture
def build(tiny_build: Build) -> Build:
    """The tiny build under its real digest."""
    return replace(tiny_build, digest=digest_build(tiny_build.topic, tiny_build.terms, tiny_build.links))


@pytest.fixture
def store(build: Build, tmp_path: Path) -> Iterator[MapStore]:
    """A real store in which the tiny build is published."""
    store = open_map_store(f"sqlite://{tmp_path / 'map.db'}")
    store.write(build, texts=(), progress=silent)
    store.publish(build.digest)
    yield store
    store.close()


@pytest.fixture
def say(store: MapStore, build: Build) -> Decide:
    """Decide in one breath, a minute after another."""

    def say(action: str, term: str = "", value: str = "") -> Decision:
        now = build.made.at + timedelta(minutes=len(store.decisions()))
        return decide(store, action=action, term=term, value=value, who="Dr Ito", why="seen on the ward", now=now)

    return say


def term_of(build: Build, title: str) -> Term:
    (term,) = (term for term in build.terms if term.title == title)
    return term


def link_of(build: Build, a: str, b: str) -> Link | None:
    return next((link for link in build.links if {link.a, link.b} == {a, b}), None)


def titles(build: Build) -> list[str]:
    return [term.title for term in build.terms]


def assert_sound(build: Build) -> None:
    """What holds of every build, decided on or not."""
    assert titles(build) == sorted(set(titles(build)))
    pairs = [(link.a, link.b) for link in build.links]
    assert pairs == sorted(set(pairs))
    for link in build.links:
        assert link.a < link.b
        assert {link.a, link.b} <= set(titles(build))
        assert link.evidence
        assert {frozenset((item.source, item.target)) for item in link.evidence} == {frozenset((link.a, link.b))}
    assert all(term.title not in term.other_names for term in build.terms)
    assert build.digest == digest_build(build.topic, build.terms, build.links)


# --- what each action does ------------------------------------------------------------------------------------------


def test_without_decisions_the_build_stays_the_same(build: Build) -> None:
    assert apply_decisions(build, ()) == build


def test_rejecting_takes_the_term_and_its_links_and_leaves_the_rest(build: Build, store: MapStore, say: Decide) -> None:
    say("reject", "Aphasia")
    after = apply_decisions(build, store.decisions())
    assert_sound(after)
    assert after.digest != build.digest
    assert set(titles(build)) - set(titles(after)) == {"Aphasia"}
    assert "Speech therapy" in titles(after), "what was only reached through it stays until the next crawl"
    assert [link for link in build.links if "Aphasia" not in (link.a, link.b)] == list(after.links)


def test_accepting_changes_nothing_in_a_build_that_is_there(build: Build, store: MapStore, say: Decide) -> None:
    assert say("accept", "A page not yet in the map").number == 1
    assert apply_decisions(build, store.decisions()) == build


def test_merging_keeps_all_names_codes_and_evidence(build: Build, store: MapStore, say: Decide) -> None:
    say("merge", "Stroke", "Atrial fibrillation")
    after = apply_decisions(build, store.decisions())
    assert_sound(after)
    merged = term_of(after, "Stroke")
    assert set(merged.other_names) == {"Brain attack", "CVA", "Strokes", "AF", "A-fib", "Atrial fibrillation"}
    assert set(merged.codes) == {("icd10", "I63"), ("icd10", "I48"), ("mesh", "D001281")}
    assert (merged.path_length, merged.relevance) == (0, 1.0)
    link = link_of(after, "Medicine", "Stroke")
    assert link is not None
    assert {item.sentence for item in link.evidence} == {"It concerns medicine.", "Stroke is a matter of medicine."}
    assert link_of(after, "Stroke", "Warfarin") is not None
    assert "Atrial fibrillation" not in titles(after)


def test_renaming_keeps_the_old_title_as_a_name(build: Build, store: MapStore, say: Decide) -> None:
    say("rename", "Aphasia", "Loss of language")
    after = apply_decisions(build, store.decisions())
    assert_sound(after)
    assert set(term_of(after, "Loss of language").other_names) == {"Aphasia", "Dysphasia", "trouble finding words"}
    link = link_of(after, "Loss of language", "Stroke")
    assert link is not None
    assert len(link.evidence) == 3


def test_a_name_and_a_code_are_added(build: Build, store: MapStore, say: Decide) -> None:
    say("alias", "Zoster", "Shingles")
    say("code", "Zoster", "icd10:B02")
    zoster = term_of(apply_decisions(build, store.decisions()), "Zoster")
    assert (zoster.other_names, zoster.codes) == (("Shingles",), (("icd10", "B02"),))


def test_a_link_is_added_with_its_reason_as_the_sentence_and_one_is_cut(
    build: Build, store: MapStore, say: Decide
) -> None:
    say("link", "Zoster", "Stroke")
    say("unlink", "Stroke", "Medicine")
    after = apply_decisions(build, store.decisions())
    assert_sound(after)
    link = link_of(after, "Stroke", "Zoster")
    assert link is not None
    assert [(item.source, item.section, item.sentence) for item in link.evidence] == [
        ("Zoster", "Curator's decision", "seen on the ward")
    ]
    assert link_of(after, "Stroke", "Medicine") is None
    assert link_of(after, "Aphasia", "Medicine") is not None


def test_splitting_takes_apart_what_was_merged_with_nothing_lost(build: Build, store: MapStore, say: Decide) -> None:
    say("merge", "Stroke", "Atrial fibrillation")
    say("rename", "Stroke", "Cerebral stroke")
    split = say("split", "Stroke", "Atrial fibrillation")
    assert (split.action, split.value) == ("undo", "1")
    after = apply_decisions(build, store.decisions())
    assert term_of(after, "Atrial fibrillation") == term_of(build, "Atrial fibrillation")
    assert say("merge", "Stroke", "Atrial fibrillation").number == 4, "and may be merged again"


def test_splitting_makes_another_name_a_term_that_takes_its_sentences_along(
    build: Build, store: MapStore, say: Decide
) -> None:
    first = build.links[0]
    said = Evidence(source="Medicine", target="Aphasia", section="", sentence="Dysphasia, once a word of its own.")
    link = replace(first, evidence=(*first.evidence, said))
    build = replace(build, links=(link, *build.links[1:]))
    number = say("split", "Aphasia", "Dysphasia").number
    after = apply_decisions(build, store.decisions())
    assert_sound(after)
    part, rest = term_of(after, "Dysphasia"), term_of(after, "Aphasia")
    assert (part.path_length, part.codes, part.other_names) == (2, (), ())
    assert part.reasons == ("split from “Aphasia”: seen on the ward",)
    assert (rest.other_names, rest.codes) == (("trouble finding words",), term_of(build, "Aphasia").codes)
    found = link_of(after, "Dysphasia", "Medicine")
    assert found is not None
    assert found.evidence == (replace(said, target="Dysphasia"),)
    assert link_of(after, "Aphasia", "Medicine") == first, "what does not say the name stays"
    between = link_of(after, "Aphasia", "Dysphasia")
    assert between is not None
    assert [item.sentence for item in between.evidence] == ["seen on the ward"]
    say("undo", value=str(number))
    assert apply_decisions(build, store.decisions()).links == build.links


def test_a_term_that_was_split_off_takes_decisions_like_any_other(build: Build, store: MapStore, say: Decide) -> None:
    say("split", "Aphasia", "Dysphasia")
    split = apply_decisions(build, store.decisions())
    store.write(split, texts=(), progress=silent)
    store.publish(split.digest)
    say("code", "Dysphasia", "icd10:R47.02")
    say("link", "Dysphasia", "Stroke")
    say("rename", "Dysphasia", "Partial aphasia")
    after = apply_decisions(build, store.decisions())
    assert_sound(after)
    assert term_of(after, "Partial aphasia").codes == (("icd10", "R47.02"),)
    assert link_of(after, "Partial aphasia", "Stroke") is not None
    say("reject", "Aphasia")
    assert {"Aphasia", "Partial aphasia"}.isdisjoint(titles(apply_decisions(build, store.decisions())))


def test_the_history_of_a_term_has_what_was_decided_under_any_title_and_what_was_undone(
    store: MapStore, say: Decide
) -> None:
    say("rename", "Aphasia", "Loss of language")
    say("alias", "Zoster", "Shingles")
    say("merge", "Aphasia", "Warfarin")
    say("undo", value="3")
    say("code", "Loss of language", "icd10:R47.09")
    for title in ("Aphasia", "Loss of language"):
        assert [item.number for item in history(store.decisions(), title)] == [1, 3, 4, 5]
    assert [item.number for item in history(store.decisions(), "Warfarin")] == [3, 4]
    assert history(store.decisions(), "Stroke") == ()


# --- one after another, and undone ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "term", "value"),
    [
        ("reject", "Aphasia", ""),
        ("merge", "Stroke", "Atrial fibrillation"),
        ("rename", "Aphasia", "Loss of language"),
        ("split", "Aphasia", "Dysphasia"),
        ("alias", "Zoster", "Shingles"),
        ("code", "Zoster", "icd10:B02"),
        ("link", "Zoster", "Stroke"),
        ("unlink", "Stroke", "Medicine"),
    ],
)
def test_each_action_is_undone_by_one_command(
    build: Build, store: MapStore, say: Decide, action: str, term: str, value: str
) -> None:
    number = say(action, term, value).number
    assert apply_decisions(build, store.decisions()).digest != build.digest
    assert say("undo", value=str(number)).term == term
    assert in_force(store.decisions()) == ()
    assert apply_decisions(build, store.decisions()) == build
    assert say(action, term, value).number == number + 2


def test_a_decision_on_a_renamed_term_outlives_the_undoing_of_the_name(
    build: Build, store: MapStore, say: Decide
) -> None:
    renaming = say("rename", "Zoster", "Herpes zoster")
    renamed = apply_decisions(build, store.decisions())
    store.write(renamed, texts=(), progress=silent)
    store.publish(renamed.digest)
    assert say("alias", "Herpes zoster", "Shingles").term == "Zoster"
    assert "Shingles" in term_of(apply_decisions(build, store.decisions()), "Herpes zoster").other_names
    assert "Shingles" in term_of(apply_decisions(renamed, store.decisions()), "Herpes zoster").other_names
    say("undo", value=str(renaming.number))
    assert term_of(apply_decisions(build, store.decisions()), "Zoster").other_names == ("Shingles",)


def test_rejecting_what_others_were_merged_into_takes_these_along_even_if_it_is_not_in_the_build(
    build: Build, store: MapStore, say: Decide
) -> None:
    say("merge", "Medicine", "Zoster")
    say("reject", "Medicine")
    without = replace(build, terms=tuple(term for term in build.terms if term.title != "Medicine"), links=())
    for before in (build, without):
        assert {"Medicine", "Zoster"}.isdisjoint(titles(apply_decisions(before, store.decisions())))


def test_a_link_cut_before_a_merge_cuts_nothing_of_the_other_term(build: Build, store: MapStore, say: Decide) -> None:
    say("unlink", "Atrial fibrillation", "Medicine")
    say("merge", "Stroke", "Atrial fibrillation")
    link = link_of(apply_decisions(build, store.decisions()), "Stroke", "Medicine")
    assert link is not None
    assert [item.sentence for item in link.evidence] == ["Stroke is a matter of medicine."]


def test_a_rename_meeting_a_later_page_of_that_title_merges_with_it(build: Build, store: MapStore, say: Decide) -> None:
    say("rename", "Zoster", "Shingles")
    newcomer = replace(term_of(build, "Zoster"), title="Shingles", other_names=("Zona",))
    grown = replace(build, terms=tuple(sorted((*build.terms, newcomer), key=lambda term: term.title)))
    after = apply_decisions(grown, store.decisions())
    assert_sound(after)
    assert term_of(after, "Shingles").other_names == ("Zona", "Zoster")


def test_applying_twice_is_applying_once(build: Build, store: MapStore, say: Decide) -> None:
    for decision in (
        ("reject", "Medicine"),
        ("merge", "Stroke", "Warfarin"),
        ("rename", "Aphasia", "Loss of language"),
        ("alias", "Loss of language", "Wordlessness"),
        ("link", "Zoster", "Loss of language"),
    ):
        say(*decision)
    once = apply_decisions(build, store.decisions())
    assert_sound(once)
    assert apply_decisions(once, store.decisions()) == once


@settings(
    derandomize=True, deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_list_of_decisions_makes_an_unsound_build_or_fails_to_be_undone(build: Build, data: st.DataObject) -> None:
    names = st.sampled_from([*titles(build), "Elsewhere", "Newname", "Dysphasia", "CVA"])
    decisions = [
        Decision(
            number=number,
            action=data.draw(st.sampled_from([action for action in ACTIONS if action != "undo"])),
            term=data.draw(names),
            value=data.draw(names),
            who="Dr Ito",
            why="why",
            at=build.made.at,
        )
        for number in range(1, data.draw(st.integers(1, 8)) + 1)
    ]
    sensible = [item for item in decisions if item.action != "code" and (item.value != item.term)]
    assert_sound(apply_decisions(build, sensible))
    undoing = [
        replace(item, number=item.number + 100, action="undo", value=str(item.number)) for item in reversed(sensible)
    ]
    assert apply_decisions(build, sensible + undoing) == build


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "term", "value", "where"),
    [
        ("approve", "Stroke", "", "action"),
        ("reject", "Strok", "", "term"),
        ("reject", "", "", "term"),
        ("reject", "Stroke", "", "term"),
        ("reject", "Aphasia", "Stroke", "value"),
        ("accept", " ", "", "term"),
        ("merge", "Stroke", "Nowhere", "value"),
        ("merge", "Stroke", "Stroke", "value"),
        ("merge", "Aphasia", "Stroke", "value"),
        ("split", "Aphasia", "Shingles", "value"),
        ("split", "Stroke", "Aphasia", "value"),
        ("rename", "Aphasia", "Stroke", "value"),
        ("rename", "Aphasia", "Aphasia", "value"),
        ("rename", "Aphasia", "—!", "value"),
        ("alias", "Aphasia", "Dysphasia", "value"),
        ("alias", "Aphasia", "", "value"),
        ("code", "Aphasia", "R47.0", "value"),
        ("code", "Aphasia", "icd10:R47.0", "value"),
        ("link", "Aphasia", "Stroke", "value"),
        ("link", "Aphasia", "Aphasia", "value"),
        ("unlink", "Zoster", "Stroke", "value"),
        ("undo", "", "7", "value"),
        ("undo", "", "x", "value"),
    ],
)
def test_an_impossible_decision_is_refused_and_nothing_is_kept(
    store: MapStore, say: Decide, action: str, term: str, value: str, where: str
) -> None:
    with pytest.raises(DecisionInvalid) as caught:
        say(action, term, value)
    assert caught.value.where == where
    assert caught.value.hint
    assert store.decisions() == ()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("reject", "Aphasia"), ("accept", "Aphasia")),
        (("reject", "Aphasia"), ("reject", "Aphasia")),
        (("reject", "Aphasia"), ("alias", "Aphasia", "Speechlessness")),
        (("reject", "Aphasia"), ("link", "Zoster", "Aphasia")),
        (("accept", "Aphasia"), ("reject", "Aphasia")),
        (("merge", "Stroke", "Aphasia"), ("merge", "Warfarin", "Aphasia")),
        (("split", "Aphasia", "Dysphasia"), ("split", "Aphasia", "Dysphasia")),
        (("merge", "Stroke", "Aphasia"), ("rename", "Aphasia", "Speechlessness")),
        (("merge", "Aphasia", "Warfarin"), ("merge", "Warfarin", "Aphasia")),
        (("rename", "Aphasia", "Speechlessness"), ("rename", "Aphasia", "Wordlessness")),
        (("rename", "Aphasia", "Speechlessness"), ("rename", "Speechlessness", "Wordlessness")),
        (("rename", "Aphasia", "Speechlessness"), ("rename", "Zoster", "Speechlessness")),
        (("rename", "Aphasia", "Speechlessness"), ("rename", "Zoster", "Aphasia")),
        (("link", "Zoster", "Stroke"), ("unlink", "Stroke", "Zoster")),
        (("unlink", "Aphasia", "Stroke"), ("link", "Stroke", "Aphasia")),
    ],
)
def test_a_contradiction_is_refused_until_the_first_is_undone(
    store: MapStore, say: Decide, first: tuple[str, ...], then: tuple[str, ...]
) -> None:
    number = say(*first).number
    with pytest.raises(DecisionInvalid):
        say(*then)
    say("undo", value=str(number))
    with pytest.raises(DecisionInvalid):
        say("undo", value=str(number))
    assert [decision.action for decision in store.decisions()] == [first[0], "undo"]


@pytest.mark.parametrize("field", ["who", "why"])
def test_a_decision_without_a_name_or_a_reason_is_refused(store: MapStore, build: Build, field: str) -> None:
    said = {"who": "Dr Ito", "why": "seen"} | {field: "  "}
    with pytest.raises(DecisionInvalid) as caught:
        decide(store, action="reject", term="Aphasia", now=build.made.at, **said)
    assert caught.value.where == field


# --- the review queue -----------------------------------------------------------------------------------------------


def test_the_least_certain_come_first_and_starting_and_decided_terms_never(
    build: Build, store: MapStore, say: Decide
) -> None:
    def queued(digest: Digest, limit: int = 99) -> list[str]:
        return [item.title for item in review_queue(store, digest, limit=limit)]

    assert queued(build.digest, 3) == ["Zoster", "Medicine", "Warfarin"]
    say("accept", "Zoster")
    say("rename", "Medicine", "Medical science")
    say("alias", "Warfarin", "Coumadin")
    after = apply_decisions(build, store.decisions())
    store.write(after, texts=(), progress=silent)
    assert queued(after.digest) == ["Warfarin", "Speech therapy", "Atrial fibrillation", "Aphasia"]
    assert review_queue(store, after.digest, limit=1)[0].reasons == ("linked from the lead",)
    assert queued(build.digest, 0) == []
    say("undo", value="1")
    assert queued(build.digest, 1) == ["Zoster"]


# --- texts ----------------------------------------------------------------------------------------------------------


def test_texts_follow_their_terms_so_that_none_is_lost_in_the_projection(
    build: Build, store: MapStore, say: Decide, tiny_texts: tuple[PageText, ...], tmp_path: Path
) -> None:
    say("merge", "Stroke", "Aphasia")
    say("rename", "Stroke", "Cerebral stroke")
    after = apply_decisions(build, store.decisions())
    texts = curated_texts(tiny_texts, store.decisions())
    (page,) = make_projection(after, texts=texts, folder=tmp_path / "projection").texts()
    assert page.title == "Cerebral stroke"
    assert [section.text for section in page.sections] == ["A stroke is an emergency.", "Aphasia is…", "…"]


def test_texts_of_rejected_terms_are_left_out(store: MapStore, say: Decide, tiny_texts: tuple[PageText, ...]) -> None:
    say("reject", "Aphasia")
    assert [text.title for text in curated_texts(tiny_texts, store.decisions())] == ["Somewhere", "Stroke"]


def test_a_renamed_page_and_a_later_page_of_that_title_give_one_text(
    store: MapStore, say: Decide, tiny_texts: tuple[PageText, ...]
) -> None:
    say("rename", "Aphasia", "Somewhere")
    texts = list(curated_texts(tiny_texts, store.decisions()))
    assert [text.title for text in texts] == ["Stroke", "Somewhere"]
    assert len(texts[1].sections) == 3
