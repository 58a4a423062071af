"""curate, judge: correcting the map and teaching the judge."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise

import click

from api.cli.context import bars, json_option, open_bench, read_settings, show
from api.schemas import decision_out
from api.service import utc_now
from kg_builder.curate import in_force
from kg_builder.model import Decision
from kg_builder.stores.neo4j_rows import path_cypher


@click.group()
def curate() -> None:
    """Correct the map; decisions are kept apart from builds, apply to every later one, and can be undone."""


@curate.command("queue")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
@click.pass_context
def queue(ctx: click.Context, *, limit: int, as_json: bool) -> None:
    """List the least certain terms of the published map."""
    items = open_bench(ctx).queue(limit=limit)
    document = [{"term": item.title, "relevance": item.relevance, "reasons": list(item.reasons)} for item in items]
    lines = [f"{item.relevance:.2f}  {item.title}: {' '.join(item.reasons)}" for item in items]
    show(document, as_json=as_json, text="\n".join(lines) or "Nothing to review.")


@curate.command("log")
@click.argument("term", required=False)
@json_option
@click.pass_context
def log(ctx: click.Context, *, term: str | None, as_json: bool) -> None:
    """List all decisions, oldest first, or the history of one TERM."""
    bench = open_bench(ctx)
    decisions, standing = bench.decisions(term or ""), in_force(bench.decisions())
    document = [decision_out(item).model_dump() | {"in_force": item in standing} for item in decisions]
    lines = [_line(item) + ("" if item in standing or item.action == "undo" else " [undone]") for item in decisions]
    show(document, as_json=as_json, text="\n".join(lines) or "None yet.")


@curate.command("orphans")
@json_option
@click.pass_context
def orphans(ctx: click.Context, *, as_json: bool) -> None:
    """List the terms of the published map that no chain of links joins to a starting term."""
    found = open_bench(ctx).orphans()
    show(list(found), as_json=as_json, text="\n".join(found) or "None.")


@curate.command("duplicates")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
@click.pass_context
def duplicates(ctx: click.Context, *, limit: int, as_json: bool) -> None:
    """List pairs of terms of the published map that may be one, the likeliest first."""
    found = open_bench(ctx).duplicates(limit=limit)
    lines = [f"{pair.score:.2f}  {pair.term} – {pair.other}: {'; '.join(pair.reasons)}" for pair in found]
    show([asdict(pair) for pair in found], as_json=as_json, text="\n".join(lines) or "None.")


@curate.command("path")
@click.argument("term")
@click.argument("other")
@json_option
@click.pass_context
def path(ctx: click.Context, *, term: str, other: str, as_json: bool) -> None:
    """Show how TERM and OTHER are connected in the published map; JSON has the Cypher that draws it."""
    digest, titles = open_bench(ctx).path(term, other)
    document = {"path": list(titles), "cypher": path_cypher(digest, pairwise(titles))}
    show(document, as_json=as_json, text=" – ".join(titles) or "The map does not connect these two terms.")


@curate.command("undo")
@click.argument("number", type=int)
@click.option("--why", required=True)
@json_option
@click.pass_context
def undo(ctx: click.Context, *, number: int, why: str, as_json: bool) -> None:
    """Take one decision back."""
    _decide(ctx, action="undo", term="", value=str(number), why=why, as_json=as_json)


def _one_term(action: str, text: str) -> None:
    @curate.command(action, help=text)
    @click.argument("term")
    @click.option("--why", required=True, help="The reason, for whoever reads the log.")
    @json_option
    @click.pass_context
    def command(ctx: click.Context, *, term: str, why: str, as_json: bool) -> None:
        _decide(ctx, action=action, term=term, value="", why=why, as_json=as_json)


def _term_and_value(action: str, value_name: str, text: str) -> None:
    @curate.command(action, help=text)
    @click.argument("term")
    @click.argument("value", metavar=value_name)
    @click.option("--why", required=True, help="The reason, for whoever reads the log.")
    @json_option
    @click.pass_context
    def command(ctx: click.Context, *, term: str, value: str, why: str, as_json: bool) -> None:
        _decide(ctx, action=action, term=term, value=value, why=why, as_json=as_json)


_one_term("accept", "Keep TERM in the map whatever the judge says.")
_one_term("reject", "Leave TERM out of every later build.")
_term_and_value("merge", "OTHER", "Make OTHER part of TERM; its names and its evidence are kept.")
_term_and_value("split", "NAME", "Make NAME, merged into TERM or another name of it, a term of its own.")
_term_and_value("rename", "NAME", "Give TERM another title; the old one stays as another name.")
_term_and_value("alias", "NAME", "Give TERM another name.")
_term_and_value("code", "SYSTEM:CODE", "Give TERM a code, such as icd10:I63.")
_term_and_value("link", "OTHER", "Link TERM and OTHER.")
_term_and_value("unlink", "OTHER", "Cut the link of TERM and OTHER.")


@click.group()
def judge() -> None:
    """Show or train the judge, which decides whether a page becomes a term."""


@judge.command("show")
@json_option
@click.pass_context
def show_judge(ctx: click.Context, *, as_json: bool) -> None:
    """Show the model that crawls use: where it lies, its weights, and what training measured."""
    from api.judging import model_in_force, own_model

    home = open_bench(ctx).home
    model, own = model_in_force(home), own_model(home)
    weights = sorted(zip(model.features, model.coefficients, strict=True), key=lambda pair: -abs(pair[1]))
    where = str(own) if own.exists() else "shipped"
    lines = [
        f"model: {where}",
        f"threshold: {model.threshold}",
        *(f"{weight:+.3f}  {name}" for name, weight in weights),
    ]
    document = {"model": where, "features": dict(weights), "threshold": model.threshold, "report": dict(model.report)}
    text = "\n".join([*lines, *_report_lines(model.report)])
    show(document | {"trained_on": model.trained_on}, as_json=as_json, text=text)


@judge.command("train")
@json_option
@click.pass_context
def train(ctx: click.Context, *, as_json: bool) -> None:
    """Train the model on the shipped examples and all decisions; crawls use it from then on unless it is worse."""
    from api.judging import train

    with bars() as progress:
        model, learnt = train(open_bench(ctx), contact=read_settings(ctx).contact, progress=progress, now=utc_now())
    document = {"trained_on": model.trained_on, "decisions": learnt, "report": dict(model.report)}
    text = "\n".join([f"Learnt from {learnt} decisions; in force.", *_report_lines(model.report)])
    show(document, as_json=as_json, text=text)


def _report_lines(report: Mapping[str, float]) -> list[str]:
    return [f"{name} = {value:.3f}" for name, value in sorted(report.items())]


def _decide(ctx: click.Context, *, action: str, term: str, value: str, why: str, as_json: bool) -> None:
    decision = open_bench(ctx).decide(
        action=action, term=term, value=value, why=why, who=getpass.getuser(), now=utc_now()
    )
    show(
        decision_out(decision).model_dump(),
        as_json=as_json,
        text=f"Recorded {_line(decision)}\nIt takes effect in the next build.",
    )


def _line(decision: Decision) -> str:
    what = " ".join(part for part in (decision.action, decision.term, decision.value) if part)
    return f"{decision.number}. {what} ({decision.who}, {decision.at:%Y-%m-%d}: {decision.why})"
