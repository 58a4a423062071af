"""How long ago the stroke was: the stages of the road that articles are written for."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date

from hive_queries import Profile
from search.article import STAGES

AT_RISK, ACUTE, EARLY, LATE, LIFE_AFTER = STAGES
_ENDS = ((7, ACUTE), (91, EARLY), (365, LATE))
"""The last day of each stage, counted from the stroke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage; ``name`` is empty where a stroke is known but not its date: every stage after a stroke is possible."""

    name: str

    def may_be(self, stages: tuple[str, ...]) -> bool:
        """Tell whether one of ``stages`` is possible."""
        return self.name in stages or (not self.name and any(stage != AT_RISK for stage in stages))


def stage_at(profile: Profile, *, as_of: date) -> Stage:
    """Give the stage on a day, counted from the stroke that the profile speaks of.

    A stroke known only to the month or year is taken at its latest possible day, but not after ``as_of``: the patient
    then counts as being in the earlier stage, where more is withheld.
    """
    if not profile.stroke_type or (profile.stroke_on is not None and profile.stroke_on > as_of):
        return Stage(name=AT_RISK)
    if profile.stroke_on is None or profile.stroke_precision == "unknown":
        return Stage(name="")
    latest = min(as_of, last_day(profile.stroke_on, precision=profile.stroke_precision))
    days = (as_of - latest).days
    return Stage(name=next((name for end, name in _ENDS if days <= end), LIFE_AFTER))


def last_day(on: date, *, precision: str) -> date:
    """Give the last day that a date of this precision can mean."""
    if precision == "year":
        return date(on.year, 12, 31)
    if precision == "month":
        return date(on.year, on.month, calendar.monthrange(on.year, on.month)[1])
    return on
