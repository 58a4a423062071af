from __future__ import annotations

import pytest

from kg_builder.projection import Projection
from search.expand import NEIGHBOUR, NEIGHBOURS_SHARE, OWN_NAMES, Chosen, Expansion, expand, expand_by_hand
from search.linker import find_terms, link
from search.query import Audience, Query, read_words


def expanded(
    text: str, projection: Projection, *, chosen: Chosen | None = None, audience: Audience = "clinician"
) -> Expansion:
    linked = link(read_words(Query(text=text)), projection=projection)
    return expand(linked, chosen=chosen or Chosen(), audience=audience, projection=projection)


def test_the_terms_named_come_first_under_their_other_names(tiny_map: Projection):
    first = expanded("brain attack", tiny_map).terms[0]
    assert (first.term, first.weight, first.reason, first.path) == ("Stroke", OWN_NAMES, "other names of Stroke", ())
    assert first.names[0] == "Stroke"


def test_neighbours_weigh_less_and_show_their_path(tiny_map: Projection):
    _, *near = expanded("some words about aphasia and bread and butter", tiny_map).terms
    assert {term.term for term in near} >= {"Speech therapy", "Stroke"}
    assert all(0 < term.weight <= NEIGHBOUR for term in near)
    path = next(term.path for term in near if term.term == "Stroke")
    assert [(step.source, step.target, step.sentence) for step in path] == [
        ("Aphasia", "Stroke", "Aphasia is most often caused by stroke.")
    ]


def test_all_neighbours_together_stay_under_their_share_of_the_own_words(tiny_map: Projection):
    terms = expanded("stroke", tiny_map).terms
    assert len(terms) > 2
    assert sum(term.weight for term in terms if term.term != "Stroke") <= NEIGHBOURS_SHARE + 1e-5


def test_a_term_near_two_of_the_query_beats_one_near_either(tiny_map: Projection):
    near = [term.term for term in expanded("warfarin and aphasia", tiny_map).terms if term.weight <= NEIGHBOUR]
    assert near[0] in {"Stroke", "Atrial fibrillation"}
    assert "Prothrombin time" in near


def test_clinicians_get_technical_names_and_patients_everyday_ones(tiny_map: Projection):
    clinician = expanded("stroke", tiny_map).terms[0].names
    patient = expanded("stroke", tiny_map, audience="patient").terms[0].names
    assert clinician[0] == "CVA"
    assert patient[0] == "Brain attack"
    assert "CVA" not in patient


def test_what_the_query_says_already_is_not_searched_twice(tiny_map: Projection):
    assert "Stroke" not in expanded("Strokes", tiny_map).terms[0].names
    assert "Stroke" in expanded("brain-attack", tiny_map).terms[0].names
    assert "Brain attack" not in expanded("brain-attack", tiny_map).terms[0].names


def test_a_patient_reads_their_own_words_in_the_reason(tiny_map: Projection):
    reasons = {term.reason for term in expanded("a mini-stroke", tiny_map, audience="patient").terms}
    assert "often goes with mini-stroke" in reasons


def test_two_letters_are_never_searched_as_a_name(tiny_map: Projection):
    names = {name for term in expanded("PT under warfarin", tiny_map).terms for name in term.names}
    assert "Prothrombin time" in names
    assert not names & {"PT", "AF"}


def test_terms_can_be_left_out_and_added_by_hand(tiny_map: Projection):
    stroke, zoster = find_terms(["Stroke", "Zoster"], projection=tiny_map)
    found = expanded("aphasia", tiny_map, chosen=Chosen(added=(zoster,), left_out=(stroke,))).terms
    by_hand = {term.term: term.by_hand for term in found}
    assert "Stroke" not in by_hand
    assert by_hand["Zoster"]
    assert not by_hand["Aphasia"]


def test_a_named_term_can_be_switched_off(tiny_map: Projection):
    (stroke,) = find_terms(["Stroke"], projection=tiny_map)
    assert expanded("stroke", tiny_map, chosen=Chosen(left_out=(stroke,))).terms == ()


def test_what_the_query_leaves_out_never_comes_back(tiny_map: Projection):
    assert "Aphasia" not in {term.term for term in expanded("stroke without aphasia", tiny_map).terms}


def test_a_term_without_links_expands_to_its_names_alone(tiny_map: Projection):
    assert [term.term for term in expanded("shingles", tiny_map).terms] == ["Zoster"]


@pytest.mark.parametrize(("text", "why"), [("bread", "The query names no term of the map."), ("aphasia", "")])
def test_no_expansion_says_why(text: str, why: str, tiny_map: Projection):
    found = expanded(text, tiny_map)
    assert found.why_none == why
    assert bool(found.terms) == (not why)


def test_only_what_was_added_by_hand_is_there_without_expansion(tiny_map: Projection):
    (zoster,) = find_terms(["Zoster"], projection=tiny_map)
    assert [
        term.term for term in expand_by_hand(Chosen(added=(zoster,)), audience="clinician", projection=tiny_map).terms
    ] == ["Zoster"]
    assert expand_by_hand(Chosen(), audience="clinician", projection=tiny_map).why_none == "Expansion is switched off."
