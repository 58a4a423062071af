"""evaluate: measuring the map and the retrieval."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from api.cli.context import bars, json_option, open_bench, open_setup, read_settings, show

if TYPE_CHECKING:
    from search.evaluate import RetrievalEvaluation


@click.group()
def evaluate() -> None:
    """Measure the map and the retrieval."""


@evaluate.command("map")
@click.option(
    "--topic", required=True, type=click.Path(), metavar="FILE", help="The map's topic; its starting terms don't count."
)
@click.option(
    "--labels", required=True, type=click.Path(path_type=Path), metavar="TSV", help="title, and columns of 1/0."
)
@click.option("--label", default="near", show_default=True, metavar="COLUMN")
@json_option
@click.pass_context
def evaluate_map_command(ctx: click.Context, *, topic: str, labels: Path, label: str, as_json: bool) -> None:
    """Measure the published map against labels, beside a perfect judge, the path length alone, the vocabulary rule."""
    from kg_builder import open_source
    from kg_builder.evaluate import evaluate_map, format_map_table, map_document, read_labels
    from strokemap.topic import load_topic

    bench = open_bench(ctx)
    asked, table = load_topic(topic), read_labels(labels, column=label)
    build = bench.read(None)
    work = bench.home.work / "crawl"
    contact = read_settings(ctx).contact
    with (
        bars() as progress,
        closing(open_source(build.made.source, work=work, contact=contact, progress=progress)) as source,
    ):
        found = evaluate_map(build, topic=asked, labels=table, source=source, progress=progress)
    show(map_document(found), as_json=as_json, text=format_map_table(found))


@evaluate.command("retrieval")
@click.option("--corpus", required=True, type=click.Path(path_type=Path), metavar="JSONL")
@click.option("--queries", required=True, type=click.Path(path_type=Path), metavar="JSONL")
@click.option("--qrels", required=True, type=click.Path(path_type=Path), metavar="TSV")
@click.option("--no-expand", is_flag=True, help="Measure the words alone.")
@click.option("--runs", type=click.Path(path_type=Path), metavar="DIR", help="Keep runs (TREC) and gains here.")
@json_option
@click.pass_context
def retrieval(
    ctx: click.Context, *, corpus: Path, queries: Path, qrels: Path, no_expand: bool, runs: Path | None, as_json: bool
) -> None:
    """Measure retrieval on BEIR-style files, without and with the published map's expansion."""
    from kg_builder import published_projection
    from search.bench import open_bench as open_collection
    from search.evaluate import evaluate_retrieval
    from search.gate import load_gate

    setup = open_setup(ctx)
    projection = None if no_expand else published_projection(setup.home)
    work = setup.home.work / "evaluate"
    with (
        bars() as progress,
        open_collection(corpus, queries, qrels, projection=projection, work=work, progress=progress) as bench,
    ):
        found = evaluate_retrieval(bench, projection=projection, gate=load_gate(), progress=progress, runs=runs)
    show(_document(found), as_json=as_json, text=_table(found))


def _document(found: RetrievalEvaluation) -> dict[str, object]:
    return {
        "queries": found.queries,
        "linked": found.linked,
        "acted": found.acted,
        "helped": found.change.helped if found.change else 0,
        "hurt": found.change.hurt if found.change else 0,
        "unchanged": found.change.unchanged if found.change else found.queries,
        "p": found.change.p if found.change else None,
        "baseline": dict(found.baseline),
        "expanded": None if found.expanded is None else dict(found.expanded),
    }


def _table(found: RetrievalEvaluation) -> str:
    lines = [f"{'':10}" + "".join(f"{name:>9}" for name in found.baseline)]
    for title, means in (("words", found.baseline), ("expanded", found.expanded)):
        if means is not None:
            lines.append(f"{title:10}" + "".join(f"{value:9.3f}" for value in means.values()))
    lines.append(f"{found.queries} queries judged, {found.linked} name a term of the map, {found.acted} expanded")
    if change := found.change:
        lines.append(f"{change.helped} helped, {change.hurt} hurt, {change.unchanged} unchanged, p = {change.p:.3f}")
    return "\n".join(lines)
