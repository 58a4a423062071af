"""Questions: golden results on made-up rows, and parameters that are checked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from hive_queries import HistoryStore, ask
from hive_queries.acquire import Acquired
from hive_queries.questions import questions
from strokemap.errors import QuestionInvalid
from tests.hive_queries.made_up_lake import ASKED, pseudonyms, resources, write_events


@pytest.fixture
def lake(ndjson: Callable[..., Path], take: Callable[..., Acquired], key: bytes, tmp_path: Path) -> dict[str, str]:
    """What was said of the patients of lake, acquired; gives their pseudonyms."""
    take(ndjson(*resources()), "fhir", institution="lake")
    take(write_events(tmp_path), "events", institution="strokemap")
    return pseudonyms(key)


def answer(name: str, store: HistoryStore, **more: str) -> tuple[tuple[object, ...], ...]:
    return ask(name, params=ASKED[name] | more, store=store).rows


def test_every_question_has_a_description_and_a_golden_result() -> None:
    assert [question.name for question in questions()] == list(ASKED)
    for question in questions():
        assert question.asks
        assert {"institution", "patient"} < set(question.columns)
        assert question.columns == tuple(column.name for column in question.statement.columns)
        assert {item.name for item in question.parameters} == set(question.statement.parameters)
        assert {item.type for item in question.parameters} <= {"string", "integer", "number", "date"}


def test_columns_of_each_question_stand_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "histories.md").read_text(encoding="utf-8")
    for question in questions():
        (row,) = re.findall(rf"^\| `{question.name}` \|.*$", page, re.MULTILINE)
        parameters, _, columns = (re.findall(r"`([a-z_]+)`", cell) for cell in row.strip("| ").split(" | ")[1:])
        assert parameters == [item.name for item in question.parameters]
        assert ("institution", "patient", *columns) == question.columns


def test_aphasia_without_speech_therapy(lake: dict[str, str], store: HistoryStore) -> None:
    name = "aphasia-without-speech-therapy"
    assert ask(name, params={}, store=store).columns == ("institution", "patient", "aphasia_on", "aphasia_precision")
    assert set(answer(name, store)) == {
        ("lake", lake["late"], "2025-01-10", "day"),
        ("lake", lake["never"], "2025-02-01", "month"),
        ("lake", lake["again"], "2025-01-10", "day"),
    }
    assert {row[1] for row in answer(name, store, days="100")} == {lake["never"], lake["again"]}


def test_atrial_fibrillation_without_anticoagulant(lake: dict[str, str], store: HistoryStore) -> None:
    name = "atrial-fibrillation-without-anticoagulant"
    assert answer(name, store) == (("lake", lake["risk"], "2025-01-10", "day"),)
    assert {row[1] for row in answer(name, store, as_of="2025-01-11")} == {
        lake["risk"],
        lake["guarded"],
        lake["struck"],
    }


def test_blood_pressure_above_target_after_discharge(lake: dict[str, str], store: HistoryStore) -> None:
    name = "blood-pressure-above-target"
    assert answer(name, store) == (
        ("lake", lake["lost"], 171.5, "2025-03-09", "day", "2025-01-18"),
        ("lake", lake["struck"], 150.5, "2025-03-01", "day", "2025-01-20"),
    )
    assert {row[1] for row in answer(name, store, target="160")} == {lake["lost"]}
    assert answer(name, store, institution="' OR 1=1 --") == ()


def test_missing_follow_up(lake: dict[str, str], store: HistoryStore) -> None:
    assert answer("missing-follow-up", store) == (("lake", lake["lost"], "2025-01-12", "day", "2025-01-18"),)
    assert answer("missing-follow-up", store, as_of="2025-03-01") == ()


def test_readmission(lake: dict[str, str], store: HistoryStore) -> None:
    assert answer("readmission", store) == (("lake", lake["struck"], "2025-01-20", "2025-04-01", 71),)
    assert answer("readmission", store, days="30") == ()


def test_rehabilitation_attendance(lake: dict[str, str], store: HistoryStore) -> None:
    assert set(answer("rehabilitation-attendance", store)) == {
        ("lake", lake["struck"], "2025-01-12", 2, 1, 1, 0, "2025-02-15"),
        ("lake", lake["lost"], "2025-01-12", 0, 0, 0, 0, None),
    }


def test_risk_factors(lake: dict[str, str], store: HistoryStore) -> None:
    known = {
        ("lake", lake[name], "risk atrial fibrillation", "2025-01-10", "day") for name in ("risk", "guarded", "struck")
    }
    assert set(answer("risk-factors", store)) == set(answer("risk-factors", store, risk="atrial fibrillation")) == known
    assert answer("risk-factors", store, risk="hypertension") == ()


def test_stroke_scale_course(lake: dict[str, str], store: HistoryStore) -> None:
    course = (
        ("lake", lake["struck"], "nihss", "2025-01-12", "day", 12.0, 0.0),
        ("lake", lake["struck"], "nihss", "2025-01-19", "day", 5.0, -7.0),
        ("lake", lake["struck"], "mrs", "2025-04-01", "month", 2.0, 0.0),
        # The patient's own reading stands under the patient's institution.
        ("lake", lake["struck"], "mrs", "2025-05-01", "day", 1.0, -1.0),
    )
    assert answer("stroke-scale-course", store) == course
    assert answer("stroke-scale-course", store, scale="mrs") == course[2:]


def test_articles_sent_and_read(lake: dict[str, str], store: HistoryStore) -> None:
    assert set(answer("articles-sent-and-read", store)) == {
        ("lake", lake["struck"], "lib:one", "2025-02-01", "2025-02-03", "helpful"),
        ("lake", lake["lost"], "lib:one", "2025-02-01", None, None),
    }
    assert answer("articles-sent-and-read", store, article="lib:two") == ()


def test_fewer_than_five_patients_are_not_counted(take: Callable[..., Acquired], ist_file: Callable[..., Path],
                                                  store: HistoryStore) -> None:  # fmt: skip
    take(ist_file(*[{"RDEF4": "Y"}] * 5, name="five.csv"), "ist", institution="north")
    take(ist_file(*[{"RDEF4": "Y"}] * 4, name="four.csv"), "ist", institution="south")
    found = ask("aphasia-without-speech-therapy", params={}, store=store)
    assert len(found.rows) == 9
    assert found.counted().rows == (("north", 5), ("south", None))
    assert {row[0] for row in found.of("south").rows} == {"south"}


def test_age_of_an_answer_is_that_of_the_institution_heard_of_longest_ago(
    take: Callable[..., Acquired], ist_file: Callable[..., Path], store: HistoryStore, tmp_path: Path
) -> None:
    for institution, age in (("north", "70"), ("south", "71"), ("south", "72")):
        take(ist_file({"AGE": age}), "ist", institution=institution)
    (tmp_path / "opt-out.csv").write_text("patient,at,state\nnorth-000001,2026-01-01,out\n")
    take(tmp_path / "opt-out.csv", "opt_out", institution="opt_out")
    found = ask("blood-pressure-above-target", params={}, store=store)
    assert found.data_as_of == "2026-01-01T00:01:00+00:00"
    assert found.of("south").data_as_of == found.of("south").counted().data_as_of == "2026-01-01T00:03:00+00:00"
    assert found.of("nowhere").data_as_of is None
    south = ask("blood-pressure-above-target", params={"institution": "south"}, store=store)
    assert south.data_as_of == "2026-01-01T00:03:00+00:00"


def test_session_after_an_undone_stroke_is_none_for_a_stroke(
    take: Callable[..., Acquired], ist_file: Callable[..., Path], store: HistoryStore
) -> None:
    take(ist_file({"DNOSTRK": "Y", "DDIAGISC": "N"}, {}), "ist")
    assert len(answer("rehabilitation-attendance", store)) == 1


@pytest.mark.parametrize(
    ("question", "params", "where"),
    [
        ("none", {}, "question"),
        ("../tables", {}, "question"),
        ("aphasia-without-speech-therapy", {"weeks": "3"}, "param.weeks"),
        ("aphasia-without-speech-therapy", {"days": "soon"}, "param.days"),
        ("aphasia-without-speech-therapy", {"days": "1e3"}, "param.days"),
        ("aphasia-without-speech-therapy", {"days": "9" * 30}, "param.days"),
        ("atrial-fibrillation-without-anticoagulant", {}, "param.as_of"),
        ("atrial-fibrillation-without-anticoagulant", {"as_of": "2025-02-30"}, "param.as_of"),
        ("blood-pressure-above-target", {"target": "nan"}, "param.target"),
        ("blood-pressure-above-target", {"institution": "x" * 201}, "param.institution"),
    ],
)
def test_wrong_parameter_is_refused_by_name(
    question: str, params: dict[str, str], where: str, store: HistoryStore
) -> None:
    with pytest.raises(QuestionInvalid) as refusal:
        ask(question, params=params, store=store)
    assert refusal.value.where == where
