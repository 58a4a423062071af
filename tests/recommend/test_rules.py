"""Safety rules: what the file may say, and what the shipped ones withhold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hive_queries import Fact, Profile
from recommend.recommend import read_situation
from recommend.rules import FORMAT, Rulebook, first_against, parse_rulebook
from search.article import Article
from strokemap.errors import RulesInvalid

MakeFact = Callable[..., Fact]
MakeProfile = Callable[..., Profile]
RULE = f"""format = "{FORMAT}"
[[rule]]
name = "a-rule"
why = "Because."
source = "Somewhere."
when = [{{ died = true }}]
withhold = [{{ everything = true }}]
"""


def article(**fields: object) -> Article:
    return Article(**({"id": "lib:x", "title": "A title", "text": "A text.", "audience": "patient"} | fields))  # type: ignore[arg-type]


def rule_against(some: Article, profile: Profile, *, as_of: date, rulebook: Rulebook) -> str:
    situation, _ = read_situation(profile.known_at(as_of), as_of=as_of, codes=rulebook.codes)
    rule = first_against(some, rules=rulebook.holding(situation))
    return rule.name if rule else ""


ACUTE, EARLY, LATER = date(1991, 1, 20), date(1991, 3, 20), date(1993, 1, 1)


@pytest.mark.parametrize(
    ("facts", "as_of", "fields", "rule"),
    [
        ((("RDEF4",),), ACUTE, {"audience": "clinician"}, "for-clinicians-only"),
        ((("RDEF4",),), ACUTE, {}, ""),
        ((("RCONSC", "U"),), ACUTE, {"title": "Eating well"}, "eating-and-drinking-before-swallowing-is-assessed"),
        ((("RCONSC", "U"),), LATER, {"title": "Eating well"}, ""),
        ((("RCONSC", "D"),), ACUTE, {"title": "Gentle exercises"}, "exercise-while-drowsy-or-unconscious"),
        ((("RCONSC", "U"),), ACUTE, {"kind": "do"}, "exercise-while-drowsy-or-unconscious"),
        ((("RCONSC", "F"),), ACUTE, {"title": "Gentle exercises", "kind": "do"}, ""),
        ((("RCONSC", "D"),), EARLY, {"title": "Gentle exercises"}, ""),
        ((("DDIAGHA",),), EARLY, {"title": "Aspirin"}, "blood-thinners-after-a-bleed"),
        ((("DDIAGHA",),), EARLY, {"focus": "Anticoagulants"}, "blood-thinners-after-a-bleed"),
        ((("DDIAGHA",),), EARLY, {"synonyms": ("tPA",)}, "blood-thinners-after-a-bleed"),
        ((("DDIAGHA",),), EARLY, {"kind": "care", "text": "Take warfarin."}, "blood-thinners-after-a-bleed"),
        ((("DDIAGHA",),), EARLY, {"id": "wiki:Stroke#Thrombolysis"}, "blood-thinners-after-a-bleed"),
        ((("DDIAGHA", "N"),), EARLY, {"title": "Aspirin"}, ""),
        ((("DDIAGISC",),), EARLY, {"title": "Aspirin"}, ""),
        ((("RDEF2",),), LATER, {"stage": ("acute",)}, "acute-care-when-it-is-past"),
        ((("RDEF2",),), LATER, {"stage": ("acute", "life after")}, ""),
        ((("RDEF2",),), ACUTE, {"stage": ("life after",)}, "life-after-in-the-first-days"),
        ((("RDEF2",),), EARLY, {"title": "Driving again"}, "driving-before-it-is-cleared"),
        ((("RDEF2",),), LATER, {"title": "Driving again"}, ""),
        ((("RDEF5",),), LATER, {"title": "Driving again"}, "driving-before-it-is-cleared"),
        ((("RDEF5", "N"),), LATER, {"title": "Driving again"}, ""),
        ((("RSBP", "200"),), LATER, {"title": "High blood pressure in pregnancy"}, "pregnancy-elsewhere"),
        ((("RDEF4",),), LATER, {"title": "Stroke in children"}, "children-elsewhere"),
    ],
)
def test_shipped_rule_withholds_what_it_is_for_and_nothing_else(
    fact: MakeFact, patient: MakeProfile, rulebook: Rulebook, facts: tuple[tuple[str, ...], ...], as_of: date,
    fields: dict[str, object], rule: str,
) -> None:  # fmt: skip
    profile = patient(*(fact(*each) for each in facts))
    assert rule_against(article(**fields), profile, as_of=as_of, rulebook=rulebook) == rule


@pytest.mark.parametrize("code", ["R13.1", "I69.391"])
def test_recorded_dysphagia_withholds_advice_on_eating_but_not_what_dysphagia_is(
    coded: MakeFact, patient: MakeProfile, rulebook: Rulebook, code: str
) -> None:
    profile = patient(coded("icd10", code), birth_year=1960, stroke=(date(2025, 1, 1), "day"))
    wanted = "eating-and-drinking-before-swallowing-is-assessed"
    for title, kind, rule in (
        ("Soft meals", "understand", wanted),
        ("Swallowing exercises at home", "do", wanted),
        ("Dysphagia day by day", "do", wanted),
        ("What dysphagia is", "understand", ""),
    ):
        some = article(title=title, kind=kind)
        assert rule_against(some, profile, as_of=date(2026, 6, 1), rulebook=rulebook) == rule


@pytest.mark.parametrize("code", ["I61.9", "I60.1", "I62.0", "I69.1"])
def test_bleed_withholds_blood_thinners_whatever_code_it_came_with(
    coded: MakeFact, patient: MakeProfile, rulebook: Rulebook, code: str
) -> None:
    profile = patient(coded("icd10", code), stroke=None)
    found = rule_against(article(title="Warfarin"), profile, as_of=date(2026, 6, 1), rulebook=rulebook)
    assert found == "blood-thinners-after-a-bleed"


def test_death_withholds_everything(patient: MakeProfile, rulebook: Rulebook) -> None:
    profile = patient(died_on=date(1991, 1, 19), died_precision="day")
    assert rule_against(article(), profile, as_of=ACUTE, rulebook=rulebook) == "nothing-after-a-death"


def test_what_is_not_known_of_age_and_sex_counts_as_met(patient: MakeProfile, rulebook: Rulebook) -> None:
    profile = patient(sex="", birth_year=None)
    for title, rule in (("Pregnancy", "pregnancy-elsewhere"), ("Stroke in babies and children", "children-elsewhere")):
        assert rule_against(article(title=title), profile, as_of=ACUTE, rulebook=rulebook) == rule


def test_young_woman_may_read_on_pregnancy(patient: MakeProfile, rulebook: Rulebook) -> None:
    profile = patient(birth_year=1961)
    assert rule_against(article(title="Pregnancy"), profile, as_of=ACUTE, rulebook=rulebook) == ""


def test_undated_stroke_counts_as_any_stage(fact: MakeFact, patient: MakeProfile, rulebook: Rulebook) -> None:
    profile = patient(fact("RCONSC", "D", on=None, precision="unknown"), stroke=(None, "unknown"))
    found = rule_against(article(title="Exercise"), profile, as_of=LATER, rulebook=rulebook)
    assert found == "exercise-while-drowsy-or-unconscious"


def test_rule_can_name_a_fact_by_its_code(fact: MakeFact, patient: MakeProfile, rulebook: Rulebook) -> None:
    book = parse_rulebook(
        RULE.replace("died = true", 'fact = ["ist DSIDE Y"]'), codes=rulebook.codes, where="rules.toml"
    )
    assert rule_against(article(), patient(fact("DSIDE", "Y")), as_of=ACUTE, rulebook=book) == "a-rule"
    assert rule_against(article(), patient(fact("DSIDE", "N")), as_of=ACUTE, rulebook=book) == ""


def test_every_condition_of_one_situation_must_hold(patient: MakeProfile, rulebook: Rulebook) -> None:
    text = RULE.replace("died = true", 'sex = "F", age_from = 60, age_below = 80, stage = ["acute"]')
    book = parse_rulebook(text, codes=rulebook.codes, where="rules.toml")
    assert rule_against(article(), patient(), as_of=ACUTE, rulebook=book) == "a-rule"
    for other in (patient(sex="M"), patient(birth_year=1900), patient(birth_year=1950), patient(stroke=None)):
        assert rule_against(article(), other, as_of=ACUTE, rulebook=book) == ""


def test_article_can_be_named_by_words_of_its_text(patient: MakeProfile, rulebook: Rulebook) -> None:
    text = RULE.replace("died = true", "always = true").replace("everything = true", 'mentions = ["miracle cure"]')
    book = parse_rulebook(text, codes=rulebook.codes, where="rules.toml")
    assert rule_against(article(text="A miracle cure."), patient(), as_of=ACUTE, rulebook=book) == "a-rule"
    assert rule_against(article(text="No miracles."), patient(), as_of=ACUTE, rulebook=book) == ""


def test_shipped_files_are_sound(rulebook: Rulebook) -> None:
    assert len(rulebook.rules) >= 10
    assert len(rulebook.codes.rows) >= 100


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (RULE, "", "rules.toml"),
        (RULE, "rule = [", "rules.toml"),
        (FORMAT, "strokemap-rules-99", "rules.toml"),
        ("[[rule]]", "[rule]", "rules.toml"),
        ('why = "Because."', "", "rules.toml: rule 1"),
        ('name = "a-rule"', 'name = ""', "rules.toml: rule 1: name"),
        ('why = "Because."', 'why = " "', "rules.toml: a-rule: why"),
        ('source = "Somewhere."', "source = 1", "rules.toml: a-rule: source"),
        ("[{ died = true }]", "[]", "rules.toml: a-rule: when"),
        ("[{ died = true }]", "[{}]", "rules.toml: a-rule: when"),
        ("died = true", "died = false", "rules.toml: a-rule: when"),
        ("died = true", "dead = true", "rules.toml: a-rule: when"),
        ("died = true", 'stage = "acute"', "rules.toml: a-rule: when"),
        ("died = true", 'stage = ["soon"]', "rules.toml: a-rule: when"),
        ("died = true", "need = []", "rules.toml: a-rule: when"),
        ("died = true", 'need = ["Aphaisa"]', "rules.toml: a-rule"),
        ("died = true", 'fact = ["RDEF4"]', "rules.toml: a-rule: when"),
        ("died = true", 'stroke_type = ["bloody"]', "rules.toml: a-rule: when"),
        ("died = true", 'sex = "female"', "rules.toml: a-rule: when"),
        ("died = true", "age_from = 18.5", "rules.toml: a-rule: when"),
        ("died = true", "age_below = -1", "rules.toml: a-rule: when"),
        ("[{ everything = true }]", "[{}]", "rules.toml: a-rule: withhold"),
        ("everything = true", 'about = ["…"]', "rules.toml: a-rule: withhold"),
        ("everything = true", 'kind = ["treatment"]', "rules.toml: a-rule: withhold"),
        ("everything = true", 'audience = ["doctor"]', "rules.toml: a-rule: withhold"),
        ("everything = true", 'only_stage = ["soon"]', "rules.toml: a-rule: withhold"),
        ("everything = true", 'subject = ["x"]', "rules.toml: a-rule: withhold"),
    ],
)
def test_malformed_rule_is_refused_by_file_and_name(rulebook: Rulebook, old: str, new: str, where: str) -> None:
    assert old in RULE
    with pytest.raises(RulesInvalid) as caught:
        parse_rulebook(RULE.replace(old, new), codes=rulebook.codes, where="rules.toml")
    assert caught.value.where == where
    assert caught.value.hint


def test_two_rules_of_one_name_are_refused(rulebook: Rulebook) -> None:
    twice = RULE + RULE.partition("\n")[2]
    with pytest.raises(RulesInvalid, match="one name"):
        parse_rulebook(twice, codes=rulebook.codes, where="rules.toml")


@settings(derandomize=True, deadline=None)
@given(st.sampled_from(["died", "stage", "need", "fact", "age_from", "sex", "always"]), st.text(max_size=20))
def test_any_condition_is_read_or_refused_by_name(rulebook: Rulebook, key: str, value: str) -> None:
    text = RULE.replace("died = true", f"{key} = {value}")
    try:
        book = parse_rulebook(text, codes=rulebook.codes, where="rules.toml")
    except RulesInvalid as error:
        seen = str(error.where)
    else:
        seen = f"rules.toml: {book.rules[0].name}"
    assert seen.startswith("rules.toml")
