"""The steps of a search timed one by one, and the memory of a process that does nothing else.

    python -m benchmarks.search_steps HOME

Prints one JSON document; search_speed.py makes the home and calls this.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.made_up import made_up_queries
from kg_builder.projection import published_projection
from search.answer import search, understand
from search.expand import Chosen, expand, nearest
from search.explain import explain
from search.gate import load_gate
from search.index_files import published_index
from search.linker import link
from search.query import Filters, Query, read_words
from search.retrieve import retrieve, weigh
from strokemap.home import Home, open_home

QUERIES = 300
NEAREST = "expand: the nearest terms"
_Asked = TypeVar("_Asked")


class Times:
    """Milliseconds of each named step, by the clock and by the thread's own work."""

    def __init__(self) -> None:
        self.taken: dict[str, list[tuple[float, float]]] = {}

    def __call__(self, name: str, call: Callable[[], Any]) -> Any:
        clock, own = time.perf_counter(), time.thread_time()
        result = call()
        took = (time.perf_counter() - clock) * 1000, (time.thread_time() - own) * 1000
        self.taken.setdefault(name, []).append(took)
        return result

    def warmed_up(self, asked: Sequence[_Asked]) -> Iterator[_Asked]:
        """Give what is asked one by one, and forget how long the first tenth took."""
        for number, each in enumerate(asked):
            if number == len(asked) // 10:
                self.taken.clear()
            yield each

    def report(self) -> dict[str, dict[str, float]]:
        found = {}
        for name, taken in self.taken.items():
            clock, own = zip(*taken, strict=True)
            found[name] = spread(clock) | {f"own_{part}": value for part, value in spread(own).items()}
        return found


def spread(taken: Sequence[float]) -> dict[str, float]:
    """Give the middle, and what 19 of 20 stay below."""
    ordered = sorted(taken)
    return {"p50": round(ordered[len(ordered) // 2], 3), "p95": round(ordered[len(ordered) * 95 // 100], 3)}


def steps(home: Home) -> dict[str, object]:
    """Time the steps one by one, then all together."""
    projection, index = published_projection(home), published_index(home)
    times, gate, nobody = Times(), load_gate(), Chosen()
    for text in times.warmed_up(made_up_queries(QUERIES, names=list(projection.titles))):
        query = Query(text=text)
        words = read_words(query)
        linked = times("link", lambda words=words: link(words, projection=projection))
        ids = [term for name in linked.terms if (term := projection.term(name.term)) is not None]
        times(NEAREST, lambda ids=ids: nearest(ids, projection=projection))
        times(
            "expand: all of it, names and paths too",
            lambda linked=linked: expand(linked, chosen=nobody, audience="clinician", projection=projection),
        )
        _, expansion = times(
            "understand: linking, expansion, gate, subjects, spelling",
            lambda words=words: understand(
                words, chosen=nobody, audience="clinician", projection=projection, index=index, pages=index, gate=gate
            ),
        )
        weighted = weigh(words, linked=linked, expansion=expansion)
        hits = times("retrieve", lambda weighted=weighted: retrieve(weighted, index=index, filters=Filters(), limit=11))
        times("snippets", lambda hits=hits, weighted=weighted: explain(hits[:10], weighted=weighted, said={}))
        times("together", lambda query=query: search(query, projection=projection, index=index, gate=gate))
    # Not ru_maxrss: in a process that another one started it holds the memory of that one, too.
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return {"ms": times.report(), "rss_mb_peak": int(peak.split()[1]) // 1024}


if __name__ == "__main__":
    print(json.dumps(steps(open_home(Path(sys.argv[1])))))
