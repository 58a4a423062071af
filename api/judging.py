"""The judge of one home: which model is in force, and teaching it what curators decided."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path

from api.curating import Bench
from kg_builder import open_source
from kg_builder.judge import open_judge
from strokemap.errors import InputMissing, JudgeWorse
from strokemap.home import Home, replace_file
from strokemap.model import LinearModel, format_model, parse_model
from strokemap.progress import Progress


def own_model(home: Home) -> Path:
    """Give where a home's own model lies, once there is one; without it the shipped model is in force."""
    return home.root / "judge.json"


def model_in_force(home: Home) -> LinearModel:
    """Read the model that crawls use. Errors: FormatUnknown, InputMissing."""
    from kg_builder.judge.model import shipped_model

    path = own_model(home)
    if not path.exists():
        return shipped_model()
    try:
        return parse_model(path.read_text(encoding="utf-8"), where=str(path))
    except (OSError, UnicodeDecodeError):
        raise InputMissing(
            "The judge's own model can't be read.",
            hint="Mend the file's permissions, or remove it: the shipped model is used then.",
            where=str(path),
        ) from None


def train(bench: Bench, *, contact: str, progress: Progress, now: datetime) -> tuple[LinearModel, int]:
    """Train on the shipped examples and the decisions, and put the model in force; give it and how many were learnt.

    What the crawl of the published build kept is not asked for again, and no more pages are read than it read. Errors:
    JudgeWorse, after which the old model is still in force, HomeBusy during a crawl, and what the source raises.
    """
    from kg_builder.frontier import frontier_folder
    from kg_builder.judge.decided import measure_decided
    from kg_builder.judge.train import Decided, train_beside

    in_force, decisions = model_in_force(bench.home), bench.decisions()
    decided: tuple[Decided, ...] = ()
    if any(one.action in ("accept", "reject") for one in decisions):
        build, work = bench.read(None), bench.home.work / "crawl"
        with (
            bench.home.lock("crawl", wait=False),
            closing(open_source(build.made.source, work=work, contact=contact, progress=progress)) as source,
        ):
            decided = measure_decided(
                build.topic,
                source=source,
                judge=open_judge(build.topic, model=in_force),
                decisions=decisions,
                kept=frontier_folder(work, topic=build.topic, source=source.name),
                max_pages=build.made.pages if build.made.unread else None,
                progress=progress,
                now=now,
            )
    found = train_beside(in_force, decided=decided)
    if found.worse:
        raise JudgeWorse(
            f"The new model's Brier score is {found.brier:.4f}, that of the one in force {found.brier_in_force:.4f} "
            f"(less is better): it was not put in force.",
            hint="The judge is as it was. Record more decisions, of both kinds, and train again.",
            where="judge",
        )
    if found.model.trained_on != in_force.trained_on:
        replace_file(own_model(bench.home), format_model(found.model))
    return found.model, len(decided)
