"""What the judge's first look at titles saves and costs: each topic crawled with it and without.

    STROKEMAP_TEST_DATA=… python -m benchmarks.first_look

Writes docs/evidence/first_look.json.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.evidence import Measured, write
from benchmarks.judge import NOW, own_topics, row, shelf
from kg_builder.crawl import Crawled, crawl
from kg_builder.evaluate import read_labels
from kg_builder.frontier import Frontier
from kg_builder.judge.base import Judge
from kg_builder.judge.model import ModelJudge, shipped_model
from kg_builder.sources.base import PageSource
from strokemap.progress import silent
from strokemap.topic import Topic, load_topic


class ReadingAll(ModelJudge):
    """The same judge, passing over nothing."""

    def worth_reading(self, title: str, sentences: Sequence[str]) -> bool:  # noqa: ARG002
        return True


def play(topic: Topic, *, source: PageSource, judge: Judge) -> Crawled:
    with tempfile.TemporaryDirectory() as folder, closing(Frontier.open(Path(folder))) as frontier:
        return crawl(
            topic, source=source, judge=judge, frontier=frontier, max_pages=None, progress=silent, now=NOW
        )  # fmt: skip


def compare(topic: Topic, *, source: PageSource, belongs: Mapping[str, bool]) -> Measured:
    """Crawl both ways. ``belongs`` tells for the titles that are scored whether they do."""
    starting = {page.title for page in source.fetch(topic.starting_terms).pages}
    scored = {title: near for title, near in belongs.items() if title not in starting}
    whole = play(topic, source=source, judge=ReadingAll(shipped_model()))
    found = play(topic, source=source, judge=ModelJudge(shipped_model()))
    before, after = ({term.page.title for term in one.terms} for one in (whole, found))
    return {
        "passed_over": found.made.passed_over,
        "pages": [whole.made.pages, found.made.pages],
        "terms": [len(before), len(after)],
        "lost": {title: scored.get(title) for title in sorted(before - after)},
        "new": {title: scored.get(title) for title in sorted(after - before)},
        "f1": [row(terms - starting, scored)["f1"] for terms in (before, after)],
    }


def main(data: Path, work: Path) -> None:
    wiki = data / "wiki"
    source = shelf(wiki / "wiki-medical.xml.bz2", work)
    near = read_labels(wiki / "labels-dev.tsv", column="near").belongs
    measured = {"stroke": compare(load_topic(str(wiki / "topic-eval.toml")), source=source, belongs=near)}
    for name, (topic, belonging, unsure) in own_topics().items():
        belongs = {title: title in belonging for title in source.pages if title not in unsure}
        measured[name] = compare(topic, source=source, belongs=belongs)
    write("first_look", {"topics": measured}, command="python -m benchmarks.first_look")


if __name__ == "__main__":
    if "STROKEMAP_TEST_DATA" not in os.environ:
        sys.exit("Set STROKEMAP_TEST_DATA to the folder of the data (docs/data.md).")
    with tempfile.TemporaryDirectory() as folder:
        main(Path(os.environ["STROKEMAP_TEST_DATA"]), Path(folder))
