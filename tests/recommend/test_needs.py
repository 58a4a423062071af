"""Facts and stage → needs, each tied to its facts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from hive_queries import Fact, Profile
from kg_builder.projection import Projection
from recommend.needs import Need, find_needs, read_facts, read_stage
from recommend.rules import Rulebook
from recommend.stage import Stage

MakeFact = Callable[..., Fact]
MakeProfile = Callable[..., Profile]


def needs_of(*facts: Fact, rulebook: Rulebook, tiny_map: Projection) -> dict[str, Need]:
    needs = find_needs(read_facts(facts, codes=rulebook.codes), projection=tiny_map)
    return {need.names[0]: need for need in needs}


def test_need_has_the_maps_term_and_its_fact(fact: MakeFact, rulebook: Rulebook, tiny_map: Projection) -> None:
    need = needs_of(fact("RDEF4"), rulebook=rulebook, tiny_map=tiny_map)["Aphasia"]
    assert need.term == tiny_map.term("Aphasia")
    assert [note.fact.column for note in need.notes] == ["RDEF4"]
    assert need.notes[0].row.plain == "trouble with words"


def test_need_that_the_map_lacks_is_kept_without_a_term(
    fact: MakeFact, rulebook: Rulebook, tiny_map: Projection
) -> None:
    need = needs_of(fact("RATRIAL"), rulebook=rulebook, tiny_map=tiny_map)["Atrial fibrillation"]
    assert need.term is None
    assert need.notes[0].fact.value == "Y"


def test_further_names_are_tried_in_turn(fact: MakeFact, rulebook: Rulebook, tiny_map: Projection) -> None:
    need = needs_of(fact("STYPE", "LACS"), rulebook=rulebook, tiny_map=tiny_map)["Lacunar stroke"]
    assert need.term == tiny_map.term("Stroke")


def test_two_facts_of_one_term_share_a_need_with_the_weight_of_the_heavier(
    fact: MakeFact, rulebook: Rulebook, tiny_map: Projection
) -> None:
    needs = needs_of(fact("RDEF3"), fact("RDEF2"), rulebook=rulebook, tiny_map=tiny_map)
    assert set(needs) == {"Hemiparesis"}
    assert needs["Hemiparesis"].weight == 0.75
    assert [note.fact.column for note in needs["Hemiparesis"].notes] == ["RDEF2", "RDEF3"]


def test_repeated_fact_is_said_once_with_its_newest_date(
    coded: MakeFact, rulebook: Rulebook, tiny_map: Projection
) -> None:
    renewed = [coded("snomed", "59621000", on=date(year, 1, 1)) for year in (2024, 2026, 2025)]
    need = needs_of(*renewed, rulebook=rulebook, tiny_map=tiny_map)["Hypertension"]
    assert [note.fact.on for note in need.notes] == [date(2026, 1, 1)]


def test_stage_is_tied_to_the_fact_that_dates_the_stroke(
    fact: MakeFact, patient: MakeProfile, rulebook: Rulebook
) -> None:
    facts = (fact("RDEF4"), fact("STYPE", "PACS"), fact("DRSISC", on=date(1991, 1, 9), precision="day"))
    notes = read_facts(facts, codes=rulebook.codes)
    profile = patient(*facts)
    brought = read_stage(Stage(name="early"), notes=notes, profile=profile, codes=rulebook.codes)
    assert [(note.row.need, note.fact.column) for note in brought] == [("Stroke rehabilitation", "STYPE")]


def test_prevention_is_tied_to_the_heaviest_risk(coded: MakeFact, patient: MakeProfile, rulebook: Rulebook) -> None:
    facts = (coded("snomed", "162864005"), coded("snomed", "59621000"))
    notes = read_facts(facts, codes=rulebook.codes)
    profile = patient(*facts, stroke=None)
    brought = read_stage(Stage(name="at risk"), notes=notes, profile=profile, codes=rulebook.codes)
    assert [(note.row.need, note.fact.code) for note in brought] == [("Stroke prevention", "59621000")]


def test_no_facts_bring_no_needs(patient: MakeProfile, rulebook: Rulebook) -> None:
    assert read_stage(Stage(name="at risk"), notes=(), profile=patient(), codes=rulebook.codes) == ()
