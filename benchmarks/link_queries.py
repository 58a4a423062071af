"""How often the linker names the right terms: precision and recall on the labelled queries of benchmarks/linking.

    python -m benchmarks.link_queries DATA [--work FOLDER] [--evidence]

DATA is the folder of the outside data (docs/data.md). The first home is what ``strokemap demo --once`` makes. In the
second, topic-eval.toml is published from the medical extract, the health articles are imported, and both are indexed.
The third set has a made-up map, no texts and so no spelling. ``--work`` keeps the homes. Prints precision, recall and
every query that is not as labelled; ``--evidence`` writes docs/evidence/linking.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.evidence import Measured, write
from benchmarks.search_commands import demonstration_home, medical_home
from kg_builder.model import Build, Digest, Evidence, Link, Made, Site, Term
from kg_builder.projection import Projection, make_projection, published_projection
from search.index import TextIndex
from search.index_files import published_index
from search.linker import link
from search.query import Query, read_words
from search.spelling import correct
from strokemap.home import open_home
from strokemap.topic import Topic

COMMAND = "python -m benchmarks.link_queries DATA --evidence"
FOLDER = Path(__file__).parent / "linking"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Pairs of query and term: right, wrong and missed; and the queries at fault with (expected, found)."""

    right: int
    wrong: int
    missed: int
    faults: Mapping[str, tuple[list[str], list[str]]]

    @property
    def precision(self) -> float:
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / (self.right + self.missed)


def read_labels(path: Path) -> dict[str, set[str]]:
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:])
    return {query: {term.strip() for term in terms.split(";") if term.strip()} for query, terms in rows}


def measure(labels: Mapping[str, set[str]], *, projection: Projection, index: TextIndex | None) -> Found:
    right = wrong = missed = 0
    faults = {}
    for query, expected in labels.items():
        words = read_words(Query(text=query))
        if index is not None:
            words = correct(words, index=index, pages=index)
        found = {term.term for term in link(words, projection=projection).terms}
        right, wrong, missed = (
            right + len(found & expected), wrong + len(found - expected), missed + len(expected - found)
        )  # fmt: skip
        if found != expected:
            faults[query] = (sorted(expected), sorted(found))
    return Found(right=right, wrong=wrong, missed=missed, faults=faults)


def made_up_map(path: Path, *, folder: Path) -> Projection:
    """Make a map of terms with other names, and pairs of linked terms."""
    made = json.loads(path.read_text(encoding="utf-8"))
    terms = tuple(
        Term(title=title, path_length=1, relevance=0.5, other_names=tuple(names), content_hash=Digest("c" * 64))
        for title, names in sorted(made["terms"].items())
    )
    links = tuple(
        Link(a=a, b=b, evidence=(Evidence(source=a, target=b, section="", sentence=f"{a} and {b}."),))
        for a, b in sorted(tuple(sorted(pair)) for pair in made["links"])
    )
    site = Site(name="made up", address="")
    at = datetime(2026, 11, 24, tzinfo=UTC)
    build = Build(
        digest=Digest("ab" * 32),
        topic=Topic(name="made-up", starting_terms=(terms[0].title,), path_length=2),
        terms=terms,
        links=links,
        made=Made(site=site, source=str(path), judge="none", pages=len(terms), requests=0, at=at),
    )
    return make_projection(build, texts=(), folder=folder / build.digest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--evidence", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure_sets(asked.work or Path(folder), asked.data)
    if asked.evidence:
        write("linking", measured, command=COMMAND)


def measure_sets(folder: Path, data: Path) -> Measured:
    """Measure and print each set of queries; the homes are made where they are not there."""
    measured: Measured = {}
    for name in ("demonstration", "medical", "ambiguous"):
        labels = read_labels(FOLDER / f"{name}.tsv")
        if name == "ambiguous":
            projection, index = made_up_map(FOLDER / "ambiguous-map.json", folder=folder), None
        else:
            home = open_home(demonstration_home(folder) if name == "demonstration" else medical_home(folder, data))
            projection, index = published_projection(home), published_index(home)
        found = measure(labels, projection=projection, index=index)
        measured[name] = {
            "queries": len(labels),
            "precision": found.precision,
            "recall": found.recall,
            "faults": {query: {"expected": pair[0], "found": pair[1]} for query, pair in found.faults.items()},
        }
        print(f"{name}: {len(labels)} queries, precision {found.precision:.3f}, recall {found.recall:.3f}")
        for query, (expected, terms) in found.faults.items():
            print(f"  {query!r}: {', '.join(expected) or '–'}; found {', '.join(terms) or '–'}")
    return measured


if __name__ == "__main__":
    main()
