from __future__ import annotations

import pytest

from kg_builder.projection import Projection
from search.expand import Chosen, Expansion, expand
from search.gate import Gate, admit
from search.linker import find_terms, link
from search.query import Query, read_words


def admitted(text: str, projection: Projection, gate: Gate, *, add: tuple[str, ...] = ()) -> Expansion:
    linked = link(read_words(Query(text=text)), projection=projection)
    chosen = Chosen(added=find_terms(add, projection=projection))
    return admit(expand(linked, chosen=chosen, audience="clinician", projection=projection), linked=linked, gate=gate)


ASIDE = "bake bread slowly with flour water salt yeast and butter during a stroke of genius near rivers and old mills"


def test_a_query_about_terms_of_the_map_is_expanded(tiny_map: Projection, gate: Gate):
    assert admitted("mini-stroke with trouble finding words", tiny_map, gate).terms


def test_a_term_in_passing_is_not_expanded_and_the_reason_given(tiny_map: Projection, gate: Gate):
    found = admitted(ASIDE, tiny_map, gate)
    assert found.terms == ()
    assert found.why_none.startswith("The map covers too few")


@pytest.mark.parametrize(
    ("text", "passes"),
    [("weak arm warfarin", False), ("warfarin for an arm", True), ("mini-stroke, then trouble baking words", True)],
)
def test_a_query_of_which_two_thirds_are_unknown_stays_as_it_is(
    text: str, passes: bool, tiny_map: Projection, gate: Gate
):
    assert bool(admitted(text, tiny_map, gate).terms) == passes


def test_terms_added_by_hand_pass_a_closed_gate(tiny_map: Projection, gate: Gate):
    assert [term.term for term in admitted(ASIDE, tiny_map, gate, add=("Zoster",)).terms] == ["Zoster"]


def test_each_feature_of_the_gate_that_ships_opens_it(gate: Gate):
    assert set(gate.model.features) == {"coverage", "linked", "specificity"}
    assert all(coefficient > 0 for coefficient in gate.model.coefficients)
