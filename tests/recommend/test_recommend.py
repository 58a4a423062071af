"""The whole way: a profile, a day, a map and articles → a recommendation that explains itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from hive_queries import Fact, Profile
from kg_builder.projection import Projection
from recommend import Recommendation, Rulebook, Weights, recommend
from search.index import TextIndex

MakeFact = Callable[..., Fact]
MakeProfile = Callable[..., Profile]
Recommender = Callable[..., Recommendation]


@pytest.fixture
def advise(tiny_map: Projection, tiny_index: TextIndex, rulebook: Rulebook, weights: Weights) -> Recommender:
    """Recommend from the tiny map and its articles."""

    def run(profile: Profile, *, as_of: date, **more: int) -> Recommendation:
        return recommend(
            profile, patient="ist-000001", as_of=as_of, projection=tiny_map, index=tiny_index, rulebook=rulebook,
            weights=weights, **more,
        )  # fmt: skip

    return run


@pytest.fixture
def words_and_heart(fact: MakeFact, patient: MakeProfile) -> Profile:
    """A patient of the stroke trial with dysphasia and atrial fibrillation."""
    return patient(fact("RDEF2", "N"), fact("RDEF4"), fact("RDEF5", "C"), fact("RATRIAL"), fact("STYPE", "PACS"))


FORTNIGHT = date(1991, 2, 14)


def ids(found: Recommendation) -> list[str]:
    return [result.id.removeprefix("lib:") for result in found.results]


@pytest.mark.parametrize("as_of", [date(1991, 1, 15), FORTNIGHT])
def test_patient_with_dysphasia_and_atrial_fibrillation_gets_articles_on_both(
    advise: Recommender, words_and_heart: Profile, as_of: date
) -> None:
    found = advise(words_and_heart, as_of=as_of)
    by_id = {result.id: result for result in found.results}
    words, heart = by_id["lib:aphasia"].reasons[0], by_id["lib:heart"].reasons[0]
    assert words.text == "The record of January 1991 notes trouble with words."
    assert words.fact is not None
    assert (words.fact.column, words.fact.value, words.fact.date, words.fact.institution) == (
        "RDEF4", "Y", "1991-01", "ist",
    )  # fmt: skip
    assert heart.text == "The record of January 1991 notes an irregular heartbeat (atrial fibrillation)."
    assert heart.path == ()
    assert found.why == ""
    assert found.as_of == as_of
    assert found.profile_version == "1"


def test_every_result_has_a_reason_with_a_fact_known_on_that_day(advise: Recommender, words_and_heart: Profile) -> None:
    found = advise(words_and_heart, as_of=FORTNIGHT)
    known = {(fact.column, fact.value) for fact in words_and_heart.facts}
    assert found.results
    for result in found.results:
        assert sum(part.score for part in result.parts) == pytest.approx(result.score, abs=1e-6)
        assert result.reasons
        for reason in result.reasons:
            assert reason.fact is not None
            assert (reason.fact.column, reason.fact.value) in known
            assert reason.fact.date == "1991-01"


def test_path_leads_from_the_need_to_the_articles_subject(advise: Recommender, words_and_heart: Profile) -> None:
    found = advise(words_and_heart, as_of=FORTNIGHT)
    speech = next(result for result in found.results if result.id == "lib:speech")
    step = speech.reasons[0].path[0]
    assert (step.source, step.target) == ("Aphasia", "Speech therapy")
    assert step.sentence == "Speech therapy is the treatment of aphasia."


def test_best_come_first_and_equal_arguments_give_an_equal_answer(
    advise: Recommender, words_and_heart: Profile
) -> None:
    found = advise(words_and_heart, as_of=FORTNIGHT)
    scores = [result.score for result in found.results]
    assert scores == sorted(scores, reverse=True)
    assert advise(words_and_heart, as_of=FORTNIGHT) == found


def test_limit_is_kept(advise: Recommender, words_and_heart: Profile) -> None:
    assert len(advise(words_and_heart, as_of=FORTNIGHT, limit=2).results) == 2


def test_fact_of_a_later_day_changes_nothing(
    advise: Recommender, words_and_heart: Profile, fact: MakeFact, patient: MakeProfile
) -> None:
    later = fact("RDEF2", on=date(1991, 6, 1))
    outcome = patient(*words_and_heart.facts, later, died_on=date(1991, 8, 1), died_precision="day")
    assert advise(outcome, as_of=FORTNIGHT) == advise(words_and_heart, as_of=FORTNIGHT)
    assert "arm" in ids(advise(outcome, as_of=date(1991, 7, 1)))


def test_death_leaves_nothing_and_says_so_kindly(
    advise: Recommender, words_and_heart: Profile, patient: MakeProfile
) -> None:
    found = advise(patient(*words_and_heart.facts, died_on=date(1991, 2, 1), died_precision="day"), as_of=FORTNIGHT)
    assert found.results == ()
    assert found.why == "The record says that this person has died. There is nothing to recommend."
    assert {item.rule for item in found.withheld} == {"nothing-after-a-death"}


def test_withheld_article_is_listed_with_its_rule_and_never_recommended(
    advise: Recommender, fact: MakeFact, patient: MakeProfile
) -> None:
    bleed = patient(fact("RDEF2"), fact("DDIAGHA"), fact("DOAC"), fact("STYPE", "PACS"))
    found = advise(bleed, as_of=FORTNIGHT)
    rules = {item.id: item.rule for item in found.withheld}
    assert rules["lib:thinners"] == "blood-thinners-after-a-bleed"
    assert rules["lib:expert"] == "for-clinicians-only"
    assert rules["lib:drive"] == "driving-before-it-is-cleared"
    assert not set(rules) & {result.id for result in found.results}


def test_unconscious_patient_gets_no_exercises(advise: Recommender, fact: MakeFact, patient: MakeProfile) -> None:
    asleep = patient(fact("RDEF2"), fact("RCONSC", "U"), fact("STYPE", "TACS"))
    found = advise(asleep, as_of=date(1991, 1, 3))
    assert "walk" not in ids(found)
    assert "exercise-while-drowsy-or-unconscious" in {item.rule for item in found.withheld}
    assert "walk" in ids(advise(asleep, as_of=date(1991, 6, 1)))


def test_stage_brings_its_own_articles(advise: Recommender, words_and_heart: Profile) -> None:
    assert "first-days" in ids(advise(words_and_heart, as_of=date(1991, 1, 5)))
    assert "rehab" in ids(advise(words_and_heart, as_of=FORTNIGHT))
    later = ids(advise(words_and_heart, as_of=date(1993, 1, 1)))
    assert "years-on" in later
    assert "first-days" not in later


def test_person_at_risk_gets_prevention(advise: Recommender, coded: MakeFact, patient: MakeProfile) -> None:
    risk = patient(coded("snomed", "59621000"), stroke=None, birth_year=1960, sex="M")
    found = advise(risk, as_of=date(2026, 6, 1))
    assert ids(found)[0] == "pressure"
    assert "pregnant" not in ids(found)
    assert found.results[0].reasons[0].text == "The record of 2 March 2026 notes high blood pressure."


def test_nothing_known_nothing_needed_and_nothing_fitting_are_told_apart(
    advise: Recommender, coded: MakeFact, fact: MakeFact, patient: MakeProfile
) -> None:
    nobody = patient(stroke=None)
    assert advise(nobody, as_of=FORTNIGHT).why == "Nothing is recorded for this person up to that day."
    sprain = patient(coded("snomed", "44465007"), stroke=None)
    as_of = date(2026, 6, 1)
    assert advise(sprain, as_of=as_of).why == "Nothing recorded up to that day points to something to read."
    unmet = patient(fact("DPE"))
    assert advise(unmet, as_of=as_of).why == "No article fits what is recorded up to that day."


@pytest.mark.parametrize(
    ("precision", "text", "printed"),
    [
        ("day", "The record of 2 March 2026 notes trouble with words.", "2026-03-02"),
        ("month", "The record of March 2026 notes trouble with words.", "2026-03"),
        ("year", "The record of 2026 notes trouble with words.", "2026"),
        ("unknown", "The record notes trouble with words.", ""),
    ],
)
def test_date_is_printed_no_more_precisely_than_it_is_known(
    advise: Recommender, coded: MakeFact, patient: MakeProfile, precision: str, text: str, printed: str
) -> None:
    speechless = patient(
        coded("icd10", "R47.0", precision=precision),
        stroke=(date(2026, 3, 2), "day"),
    )
    reason = advise(speechless, as_of=date(2026, 12, 31)).results[0].reasons[0]
    assert reason.fact is not None
    assert (reason.text, reason.fact.date) == (text, printed)
