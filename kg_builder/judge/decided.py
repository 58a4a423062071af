"""What a curator's decisions teach the judge: the pages decided on, measured as the crawl measured them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

from kg_builder.crawl import crawl
from kg_builder.decisions import in_force
from kg_builder.frontier import Frontier
from kg_builder.judge.base import Context, Judge
from kg_builder.judge.features import measure
from kg_builder.judge.train import Decided
from kg_builder.model import Candidate, Decision, Judgement
from kg_builder.sources.base import PageSource
from strokemap.progress import Progress
from strokemap.topic import Topic


@dataclass(slots=True, kw_only=True)
class _Listener:
    """Judges as the judge does, but for what was decided; keeps what was measured of that."""

    judge_: Judge
    ruled: Mapping[str, bool]
    heard: dict[str, Decided] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Another name than the judge's: no judgement that was kept stands in for one to be heard."""
        return f"{self.judge_.name}, listened to"

    def worth_reading(self, title: str, sentences: Sequence[str]) -> bool:
        return title in self.ruled or self.judge_.worth_reading(title, sentences)

    def judge(self, candidates: Sequence[Candidate], *, context: Context) -> list[Judgement]:
        ruled = {
            candidate.page.title: self.ruled[name]
            for candidate in candidates
            for name in candidate.page.names
            if name in self.ruled
        }
        measured = measure(candidates, context=context) if ruled else {}
        self.heard |= {title: Decided(title=title, near=near, values=measured[title]) for title, near in ruled.items()}
        return [
            Judgement(title=one.title, accepted=ruled[one.title], score=float(ruled[one.title]))
            if one.title in ruled
            else one
            for one in self.judge_.judge(candidates, context=context)
        ]


def measure_decided(
    topic: Topic,
    *,
    source: PageSource,
    judge: Judge,
    decisions: Sequence[Decision],
    kept: Path,
    max_pages: int | None,
    progress: Progress,
    now: datetime,
) -> tuple[Decided, ...]:
    """Crawl once more and measure each page that a curator accepted or rejected, by title; unreached ones are left out.

    Only what the frontier in the folder ``kept`` lacks is read, and nothing there changes. The later decision counts.
    Errors: those of ``crawl``.
    """
    ruled = {one.term: one.action == "accept" for one in in_force(decisions) if one.action in ("accept", "reject")}
    if not ruled:
        return ()
    listener = _Listener(judge_=judge, ruled=ruled)
    kept.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=kept.parent) as folder:
        copytree(kept, folder, dirs_exist_ok=True)
        frontier = Frontier.open(Path(folder))
        try:
            crawl(
                topic,
                source=source,
                judge=listener,
                frontier=frontier,
                max_pages=max_pages,
                progress=progress,
                now=now,
            )
        finally:
            frontier.close()
    return tuple(listener.heard[title] for title in sorted(listener.heard))
