"""What a search and all that it stands on may cost, and whether a report of search_speed.py keeps to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.evidence import Measured
from benchmarks.search_rivals import CYPHER, FIRST, STORED

AT_MOST, AT_LEAST = "at most", "at least"
GOALS: dict[str, tuple[Callable[[Any], float], str, float]] = {
    "nearest terms from the stored vectors, p50 ms": (
        lambda report: report["expansion"]["ms"][STORED]["p50"], AT_MOST, 1
    ),
    f"overlap of the first {FIRST} with power iteration": (
        lambda report: report["expansion"][f"overlap_of_first_{FIRST}"]["mean"], AT_LEAST, 0.95
    ),
    "times as fast as two links by Cypher, p50": (
        lambda report: report["times_as_long"][CYPHER], AT_LEAST, 20
    ),
    "a search, p95 ms": (lambda report: report["strokemap"]["ms"]["together"]["p95"], AT_MOST, 25),
    "memory of a process that searches, MB": (lambda report: report["strokemap"]["rss_mb_peak"], AT_MOST, 600),
    "making the vectors, s": (lambda report: report["made"]["projection"]["of_it_vectors_seconds"], AT_MOST, 600),
    "an edit until it is found, longest, s": (
        lambda report: report["under load"]["edit_until_found_seconds_without_load"]["max"], AT_MOST, 1
    ),
    "an edit until it is found under load, longest, s": (
        lambda report: report["under load"]["edit_until_found_seconds"]["max"], AT_MOST, 1
    ),
    "errors while the map is swapped under load": (
        lambda report: sum(report["under load"]["errors"].values()), AT_MOST, 0
    ),
    "strokemap --help, s": (lambda report: report["commands"]["help"]["wall_seconds"], AT_MOST, 0.4),
    "strokemap search, s": (lambda report: report["commands"]["search"]["wall_seconds"], AT_MOST, 2),
}  # fmt: skip


def ratios(report: Measured) -> dict[str, float]:
    """Give how many times as long each rival takes: to expand as the stored vectors, to find words as retrieving."""
    found: Any = report
    own = {"expansion": found["expansion"]["ms"][STORED], "words": found["strokemap"]["ms"]["retrieve"]}
    rivals = [("expansion", found["expansion"]["ms"]), ("words", found["words"]["ms"])]
    rivals += [("expansion", found["cypher"]["ms"])] if "cypher" in report else []
    return {
        name: round(times["p50"] / own[kind]["p50"], 2)
        for kind, taken in rivals
        for name, times in taken.items()
        if name != STORED
    }


def reached(report: Measured) -> Measured:
    """Give each goal with what was measured and whether it was reached; what was not measured is left out."""
    found: Measured = {}
    for goal, (read, side, limit) in GOALS.items():
        try:
            measured = read(report)
        except KeyError:
            continue
        kept = measured <= limit if side == AT_MOST else measured >= limit
        found[goal] = {"measured": measured, side: limit, "reached": kept}
    return found
