"""Growing a map from a request: source, judge, frontier and decisions brought together, the build stored."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

from api.curating import Bench
from api.judging import model_in_force
from kg_builder import Build, assemble, crawl, open_source
from kg_builder.crawl import forget_changed
from kg_builder.decisions import apply_decisions, curated_texts
from kg_builder.frontier import Frontier, frontier_folder
from kg_builder.judge import open_judge
from strokemap.progress import Progress
from strokemap.topic import Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Crawl:
    """What a crawl is asked to do."""

    topic: Topic
    source: str
    contact: str = ""
    """The operator's, for a source that is somebody else's wiki."""
    path_length: int | None = None
    max_pages: int | None = None
    resume: bool = False
    refresh: bool = False


def grow(asked: Crawl, *, bench: Bench, now: datetime, progress: Progress) -> Build:
    """Crawl, assemble and store a build; stopped at any moment, or with pages that failed, it goes on with ``resume``.

    Once done, ``refresh`` asks only for what changed since, and gives the build that a full crawl would give.
    """
    topic = asked.topic if asked.path_length is None else replace(asked.topic, path_length=asked.path_length)
    work = bench.home.work / "crawl"
    with (
        bench.home.lock("crawl", wait=False),
        closing(open_source(asked.source, work=work, contact=asked.contact, progress=progress)) as source,
    ):
        frontier = Frontier.open(frontier_folder(work, topic=topic, source=source.name))
        try:
            if asked.refresh:
                forget_changed(frontier, source=source, now=now, progress=progress)
            elif not asked.resume or frontier.finished:
                frontier.clear()
            with bench.store() as store:
                decisions = store.decisions()
                crawled = crawl(
                    topic,
                    source=source,
                    judge=open_judge(topic, model=model_in_force(bench.home)),
                    frontier=frontier,
                    decisions=decisions,
                    max_pages=asked.max_pages,
                    progress=progress,
                    now=now,
                )
                found, texts = assemble(topic, crawled=crawled)
                build = apply_decisions(found, decisions)
                store.write(build, texts=curated_texts(texts, decisions), progress=progress)
            if crawled.whole:
                frontier.finish()
        finally:
            frontier.close()
    return build
