"""What the judge is worth on real pages: ablation, both halves of the labels, blinded pages, other topics, decisions.

    STROKEMAP_TEST_DATA=… python -m benchmarks.judge

Writes docs/evidence/judge.json. The setting half of the labels (titles whose SHA-256 begins with an even byte) chose
the threshold, and the features with the topics of judge_topics.toml but for diabetes; the other half and diabetes
only measure.
"""

from __future__ import annotations

import bz2
import hashlib
import json
import os
import random
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from xml.etree.ElementTree import iterparse

from benchmarks.evidence import write
from kg_builder import open_source
from kg_builder.crawl import crawl
from kg_builder.evaluate import read_labels, score
from kg_builder.frontier import Frontier
from kg_builder.judge.base import Context, Judge
from kg_builder.judge.decided import measure_decided
from kg_builder.judge.features import FEATURES
from kg_builder.judge.model import ModelJudge, shipped_model
from kg_builder.judge.rules import EverythingJudge, VocabularyJudge
from kg_builder.judge.train import train_beside, train_judge
from kg_builder.model import Candidate, Decision, Judgement, Page, Site
from kg_builder.sources.base import Fetched, PageSource
from strokemap.progress import silent
from strokemap.topic import Topic, load_topic

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TITLE = ("proper_name",)
TEXT = ("opening_alike", "names_starting", "years_in_opening", *TITLE)
LINKS = ("links_alike", "company_alike", "near_in_links", "links_to_starting")
DECISIONS = 100
THRESHOLDS = (0.29, 0.31, 0.32, 0.33, 0.34, 0.35, 0.37)


class Shelf:
    """All pages of an export in memory, as they are or blinded."""

    name, site, edition, requests = "shelf", Site(), "", 0

    def __init__(self, pages: Sequence[Page]) -> None:
        self.pages = {page.title: page for page in pages}
        self._titles = {name: page.title for page in pages for name in page.redirects} | {t: t for t in self.pages}

    def fetch(self, titles: Sequence[str]) -> Fetched:
        resolved = {title: self._titles.get(title) for title in titles}
        found = sorted({title for title in resolved.values() if title is not None})
        return Fetched(pages=tuple(self.pages[title] for title in found), resolved=resolved, failed={})

    def close(self) -> None:
        pass

    def blinded(self, change: Callable[[Page], Page]) -> Shelf:
        return Shelf([change(page) for page in self.pages.values()])


class Labelled:
    """A perfect judge: accepts what is labelled 1."""

    name = "labels"

    def __init__(self, belongs: Mapping[str, bool]) -> None:
        self._belongs = belongs

    def worth_reading(self, title: str, sentences: Sequence[str]) -> bool:  # noqa: ARG002
        return True

    def judge(self, candidates: Sequence[Candidate], *, context: Context) -> list[Judgement]:  # noqa: ARG002
        titles = sorted(candidate.page.title for candidate in candidates)
        return [Judgement(title=t, accepted=self._belongs.get(t, False), score=1.0) for t in titles]


class Memory:
    """Passes a judge's answers on and keeps them."""

    def __init__(self, judge: Judge) -> None:
        self._judge, self.name = judge, judge.name
        self.judgements: dict[str, Judgement] = {}

    def worth_reading(self, title: str, sentences: Sequence[str]) -> bool:
        return self._judge.worth_reading(title, sentences)

    def judge(self, candidates: Sequence[Candidate], *, context: Context) -> list[Judgement]:
        found = self._judge.judge(candidates, context=context)
        self.judgements |= {one.title: one for one in found}
        return found


def shelf(path: Path, work: Path) -> Shelf:
    with bz2.open(path) as file:
        titles = [element.text for _, element in iterparse(file) if element.tag.endswith("}title") and element.text]
    with closing(open_source(str(path), work=work, contact="", progress=silent)) as source:
        pages = {
            page.title: page for at in range(0, len(titles), 50) for page in source.fetch(titles[at : at + 50]).pages
        }
    return Shelf(list(pages.values()))


def play(topic: Topic, *, source: PageSource, judge: Judge, decisions: Sequence[Decision] = ()) -> set[str]:
    """Crawl; give the titles of the terms, the starting ones left out."""
    with tempfile.TemporaryDirectory() as folder, closing(Frontier.open(Path(folder))) as frontier:
        found = crawl(
            topic,
            source=source,
            judge=judge,
            frontier=frontier,
            decisions=decisions,
            max_pages=None,
            progress=silent,
            now=NOW,
        )
    return {term.page.title for term in found.terms if term.path_length}


def sets_for_setting(title: str) -> bool:
    return hashlib.sha256(title.encode()).digest()[0] % 2 == 0


def row(chosen: set[str], scored: Mapping[str, bool]) -> dict[str, object]:
    found = score(chosen, accepted=len(chosen), scored=scored)
    return {
        rate: [getattr(found, rate), *getattr(found, f"{rate}_interval")] for rate in ("precision", "recall", "f1")
    } | {"accepted": found.accepted}


def blindings(source: Shelf) -> dict[str, Shelf]:
    def lead(page: Page) -> Page:
        mentions = tuple(mention for mention in page.mentions if not mention.section)
        return replace(page, categories=(), sections=page.sections[:1], mentions=mentions)

    def sparse(page: Page) -> Page:
        chance = random.Random(page.title)
        return replace(page, categories=(), mentions=tuple(one for one in page.mentions if chance.random() < 0.4))

    return {
        "no categories": source.blinded(lambda page: replace(page, categories=())),
        "lead only, no categories": source.blinded(lead),
        "two links in five, no categories": source.blinded(sparse),
    }


def own_topics() -> dict[str, tuple[Topic, set[str], set[str]]]:
    read = tomllib.loads((Path(__file__).parent / "judge_topics.toml").read_text(encoding="utf-8"))
    return {
        name: (
            Topic(name=name, starting_terms=tuple(one["starting_terms"].split("|")), path_length=2),
            set(one["near"].split("|")),
            set(one["unsure"].split("|")),
        )
        for name, one in read.items()
    }


def ceilings(topic: Topic, *, source: Shelf, near: Mapping[str, bool]) -> dict[str, object]:
    """Score a perfect judge, which accepts near pages and, to pass through them, those that nobody marked."""
    passable = Labelled({title: near.get(title, True) for title in source.pages})
    found: dict[str, object] = {
        name: row(play(topic, source=blind, judge=passable), near) for name, blind in blindings(source).items()
    }
    for name, (own, belongs, unsure) in own_topics().items():
        scored = own_scored(source, own, belongs, unsure)
        chosen = play(own, source=source, judge=Labelled(dict.fromkeys(belongs | unsure, True)))
        found[name] = row(chosen, scored)
    return found


def own_scored(source: Shelf, own: Topic, belongs: set[str], unsure: set[str]) -> dict[str, bool]:
    return {t: t in belongs for t in source.pages if t not in unsure and t not in own.starting_terms}


def hour_of_work(memory: Memory, scored: Mapping[str, bool]) -> list[Decision]:
    """Decide as a curator would: the terms of the map from the least certain on, then the likeliest of the refused."""
    known = [one for title, one in memory.judgements.items() if title in scored and sets_for_setting(title)]
    queue = sorted(known, key=lambda one: (not one.accepted, one.score if one.accepted else -one.score, one.title))
    return [
        Decision(
            number=number,
            action="accept" if scored[one.title] else "reject",
            term=one.title,
            who="label",
            why="label",
            at=NOW,
        )
        for number, one in enumerate(queue[:DECISIONS], start=1)
    ]


def main(data: Path, work: Path) -> None:
    wiki = data / "wiki"
    topic = load_topic(str(wiki / "topic-eval.toml"))
    source = shelf(wiki / "wiki-medical.xml.bz2", work)
    starting = {page.title for page in source.fetch(topic.starting_terms).pages}
    tables = {
        column: {
            t: v for t, v in read_labels(wiki / "labels-dev.tsv", column=column).belongs.items() if t not in starting
        }
        for column in ("near", "medical")
    }
    near = tables["near"]

    def halves(chosen: set[str], scored: Mapping[str, bool] = near) -> dict[str, object]:
        parts = {"all": scored} | {
            name: {t: v for t, v in scored.items() if sets_for_setting(t) is wanted}
            for name, wanted in (("setting half", True), ("other half", False))
        }
        return {name: row(chosen, part) for name, part in parts.items()}

    names = {feature.name for feature in FEATURES}
    memory = Memory(ModelJudge(shipped_model()))
    chosen = play(topic, source=source, judge=memory)
    measured: dict[str, object] = {
        "near": halves(chosen),
        "medical": halves(chosen, tables["medical"]),
        "ablation": {
            name: halves(play(topic, source=source, judge=ModelJudge(train_judge(without=names - set(only)))))
            for name, only in (("title only", TITLE), ("links only", LINKS), ("text only", TEXT))
        }
        | {
            "vocabulary rule": halves(play(topic, source=source, judge=VocabularyJudge())),
            "path length alone": halves(play(topic, source=source, judge=EverythingJudge())),
            "perfect judge, labelled pages only": halves(play(topic, source=source, judge=Labelled(near))),
            "perfect judge, along unlabelled pages too": halves(
                play(topic, source=source, judge=Labelled({t: near.get(t, True) for t in source.pages}))
            ),
        },
        "blinded": {
            name: halves(play(topic, source=blind, judge=ModelJudge(shipped_model())))
            for name, blind in blindings(source).items()
        },
    }
    decisions = hour_of_work(memory, near)
    decided = measure_decided(
        topic,
        source=source,
        judge=ModelJudge(shipped_model()),
        decisions=decisions,
        kept=work / "nothing",
        max_pages=None,
        progress=silent,
        now=NOW,
    )
    beside = train_beside(shipped_model(), decided=decided)
    taught = ModelJudge(beside.model)
    measured["decisions"] = {
        "decisions": len(decisions),
        "accepted": sum(one.action == "accept" for one in decisions),
        "learnt from": len(decided),
        "brier": beside.brier,
        "brier of the shipped model": beside.brier_in_force,
        "refused": beside.worse,
        "by the decisions": halves(play(topic, source=source, judge=ModelJudge(shipped_model()), decisions=decisions)),
        "and what was learnt": halves(play(topic, source=source, judge=taught, decisions=decisions)),
    }

    def other_topics(threshold: float) -> dict[str, dict[str, object]]:
        return {
            name: row(
                play(own, source=source, judge=ModelJudge(shipped_model(), threshold=threshold)),
                own_scored(source, own, belongs, unsure),
            )
            for name, (own, belongs, unsure) in own_topics().items()
        }

    threshold = shipped_model().threshold
    measured["other topics"] = other_topics(threshold)
    measured["by threshold"] = {
        str(one): {
            "near": halves(play(topic, source=source, judge=ModelJudge(shipped_model(), threshold=one))),
            "f1 of the other topics, mean": mean(found["f1"][0] for found in other_topics(one).values()),
        }
        for one in THRESHOLDS
    }
    measured["perfect judge"] = ceilings(topic, source=source, near=near)
    wrong = [one for title, one in memory.judgements.items() if title in near and one.accepted != near[title]]
    measured["worst"] = [
        {"title": one.title, "near": near[one.title], "score": one.score, "reasons": list(one.reasons)}
        for one in sorted(wrong, key=lambda one: (-abs(one.score - threshold), one.title))[:10]
    ]
    measured["near but never reached"] = sorted(t for t, v in near.items() if v and t not in memory.judgements)
    write("judge", measured, command="python -m benchmarks.judge")
    print(json.dumps(measured, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    if "STROKEMAP_TEST_DATA" not in os.environ:
        sys.exit("Set STROKEMAP_TEST_DATA to the folder of the data (docs/data.md).")
    with tempfile.TemporaryDirectory() as folder:
        main(Path(os.environ["STROKEMAP_TEST_DATA"]), Path(folder))
