"""Days since the stroke → stage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from hive_queries import Profile
from recommend.stage import stage_at

Make = Callable[..., Profile]


@pytest.mark.parametrize(
    ("as_of", "name"),
    [
        (date(2026, 3, 2), "acute"),
        (date(2026, 3, 9), "acute"),
        (date(2026, 3, 10), "early"),
        (date(2026, 6, 1), "early"),
        (date(2026, 6, 2), "late"),
        (date(2027, 3, 2), "late"),
        (date(2027, 3, 3), "life after"),
        (date(2026, 3, 1), "at risk"),
    ],
)
def test_stage_follows_the_days_since_a_stroke_known_to_the_day(patient: Make, as_of: date, name: str) -> None:
    assert stage_at(patient(stroke=(date(2026, 3, 2), "day")), as_of=as_of).name == name


@pytest.mark.parametrize(
    ("precision", "as_of", "name"),
    [
        ("month", date(1991, 1, 15), "acute"),
        ("month", date(1991, 2, 7), "acute"),
        ("month", date(1991, 2, 14), "early"),
        ("year", date(1991, 12, 31), "acute"),
        ("year", date(1992, 2, 1), "early"),
        ("year", date(1993, 2, 1), "life after"),
    ],
)
def test_vague_stroke_counts_from_its_last_possible_day(patient: Make, precision: str, as_of: date, name: str) -> None:
    assert stage_at(patient(stroke=(date(1991, 1, 1), precision)), as_of=as_of).name == name


def test_patient_without_a_stroke_is_at_risk(patient: Make) -> None:
    assert stage_at(patient(stroke=None), as_of=date(2026, 1, 1)).name == "at risk"


def test_undated_stroke_may_be_in_any_stage_after_one(patient: Make) -> None:
    stage = stage_at(patient(stroke=(None, "unknown")), as_of=date(2026, 1, 1))
    assert stage.name == ""
    assert stage.may_be(("acute",))
    assert stage.may_be(("life after", "late"))
    assert not stage.may_be(("at risk",))
