from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.link_queries import FOLDER, made_up_map, measure, read_labels
from kg_builder.projection import Projection
from search.linker import Linked, find_term, find_terms, link
from search.query import Query, read_words
from strokemap.errors import TermUnknown


def linked(text: str, projection: Projection) -> Linked:
    return link(read_words(Query(text=text)), projection=projection)


def named(text: str, projection: Projection) -> list[str]:
    return [term.term for term in linked(text, projection).terms]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stroke", ["Stroke"]),
        ("STROKES", ["Stroke"]),
        ("after a Brain-Attack?", ["Stroke"]),
        ("mini stroke with trouble finding words", ["Transient ischemic attack", "Aphasia"]),
        ("speech-language pathology", ["Speech therapy"]),
        ("irregular heartbeats", ["Atrial fibrillation"]),
        ("the stroke's end", ["Stroke"]),
        ("bread", []),
    ],
)
def test_names_are_found_whatever_their_case_plural_and_hyphens(text: str, expected: list[str], tiny_map: Projection):
    assert named(text, tiny_map) == expected


def test_the_longest_name_wins(tiny_map: Projection):
    (term,) = linked("mini-stroke", tiny_map).terms
    assert (term.term, term.surface, term.start, term.end) == ("Transient ischemic attack", "mini-stroke", 0, 11)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TIA", ["Transient ischemic attack"]),
        ("TIAs", ["Transient ischemic attack"]),
        ("a tia last year", ["Transient ischemic attack"]),
        ("the FAST test", ["Face arm speech test"]),
        ("a fast walk", []),
        ("FAST WALK", []),
        ("as af", []),
        ("AF", ["Atrial fibrillation"]),
    ],
)
def test_an_abbreviation_keeps_its_case_unless_it_is_clear(text: str, expected: list[str], tiny_map: Projection):
    assert named(text, tiny_map) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("PT under warfarin", "Prothrombin time"), ("PT after a stroke", "Physical therapy"), ("PT", "Physical therapy")],
)
def test_a_shared_name_goes_to_the_term_near_the_others(text: str, expected: str, tiny_map: Projection):
    assert named(text, tiny_map)[0] == expected


def test_words_that_name_nothing_are_told_without_small_words(tiny_map: Projection):
    assert linked("what can I bake after the stroke, slowly", tiny_map).unlinked == ("bake", "slowly")


def test_what_is_left_out_is_linked_apart(tiny_map: Projection):
    found = linked("stroke without aphasia", tiny_map)
    assert [term.term for term in found.terms] == ["Stroke"]
    assert found.excluded_terms == ("Aphasia",)
    assert found.unlinked == ()


def test_without_leaves_out_no_more_than_the_name_that_follows(tiny_map: Projection):
    found = linked("stroke without aphasia training", tiny_map)
    assert [(item.start, item.end) for item in found.excluded] == [(15, 22)]
    assert found.unlinked == ("training",)


def test_no_name_runs_into_what_is_left_out(tiny_map: Projection):
    assert named("brain -attack", tiny_map) == []


def test_no_name_runs_across_sentences(tiny_map: Projection):
    text = "It hit the brain. Attack it with speech therapy."
    assert named(text, tiny_map) == ["Speech therapy"]


def test_a_text_without_words_names_nothing(tiny_map: Projection):
    assert linked("?!", tiny_map).terms == ()


def test_one_name_is_found_or_not(tiny_map: Projection):
    assert find_term("brain attacks", projection=tiny_map) == tiny_map.term("Stroke")
    assert find_term("", projection=tiny_map) is None


def test_terms_named_by_hand_are_found_by_title_and_by_any_name(tiny_map: Projection):
    assert find_terms(["Aphasia", "brain attack", "Stroke"], projection=tiny_map) == (
        tiny_map.term("Aphasia"),
        tiny_map.term("Stroke"),
    )


def test_an_unknown_term_is_refused_with_suggestions(tiny_map: Projection):
    with pytest.raises(TermUnknown) as caught:
        find_terms(["Stroke", "Afasia"], projection=tiny_map, option="with")
    assert caught.value.message == "No term of this map is called “Afasia”."
    assert caught.value.hint == "Did you mean Aphasia?"
    assert caught.value.where == "with[1]"


@pytest.mark.parametrize("name", ["", "???", "x" * 5_000_000, "\ud800"])
def test_odd_names_are_unknown_terms(name: str, tiny_map: Projection):
    with pytest.raises(TermUnknown):
        find_terms([name], projection=tiny_map)


_PIECES = st.sampled_from(["stroke", "TIA", "brain", "attack", "PT", "-", '"', "without", ".", "½", "\ud800", "é", "ﬁ"])


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    text=st.one_of(st.text(min_size=1), st.lists(_PIECES, min_size=1).map(" ".join)).filter(lambda text: text.strip())
)
def test_any_text_is_linked_with_true_places(text: str, tiny_map: Projection):
    for term in linked(text, tiny_map).terms:
        assert text[term.start : term.end] == term.surface
        assert tiny_map.term(term.term) is not None


def test_ambiguous_abbreviations_go_to_the_term_that_the_other_words_are_near(tmp_path: Path):
    projection = made_up_map(FOLDER / "ambiguous-map.json", folder=tmp_path)
    found = measure(read_labels(FOLDER / "ambiguous.tsv"), projection=projection, index=None)
    assert found.faults == {}
    assert (found.wrong, found.missed) == (0, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cerebro vascular accident", []),
        ("brainattack", ["Stroke"]),
        ("a f", []),
        ("fast speech test", []),
        ("transient ischaemic attacks", ["Transient ischemic attack"]),
    ],
)
def test_names_are_found_written_together_apart_and_in_british_spelling(
    text: str, expected: list[str], tiny_map: Projection
):
    assert named(text, tiny_map) == expected
