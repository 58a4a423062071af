"""search, recommend, rules: the questions of clinicians and patients."""

from __future__ import annotations

import sys

import click

from api.access import LOCAL
from api.cli.context import entry_line, json_option, open_answering, publish, show
from api.schemas import RecommendOut, parse_day
from api.search_schemas import SearchOut
from recommend import load_rulebook, load_weights
from search import Query
from search.article import KINDS, STAGES
from search.explain import cut_snippet
from search.query import Filters
from strokemap.errors import UsageError

_MOST_READ = 1024 * 1024
_MARKS = {"": "", "word": "*", "term": "_"}
"""Around what matches in a snippet, for terminals without colours, too."""


@click.command()
@click.argument("query", type=click.UNPROCESSED)
@click.option("--audience", type=click.Choice(["clinician", "patient"]), default="clinician", show_default=True)
@click.option("--no-expand", is_flag=True, help="Search the words alone.")
@click.option("--with", "with_terms", multiple=True, metavar="T", help="Add this term of the map.")
@click.option("--without", "without_terms", multiple=True, metavar="T", help="Keep this term out of the expansion.")
@click.option("--source", default="", help="Keep to articles of this source.")
@click.option("--kind", type=click.Choice(KINDS), default=None, help="Keep to articles of this kind.")
@click.option("--stage", type=click.Choice(STAGES), default=None, help="Keep to articles for this stage.")
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True)
@click.option("--page", type=click.IntRange(1), default=1, show_default=True)
@json_option
@click.pass_context
def search(
    ctx: click.Context,
    *,
    query: str,
    audience: str,
    no_expand: bool,
    with_terms: tuple[str, ...],
    without_terms: tuple[str, ...],
    source: str,
    kind: str | None,
    stage: str | None,
    limit: int,
    page: int,
    as_json: bool,
) -> None:
    """Search articles. A QUERY of - is read from standard input."""
    text = sys.stdin.buffer.read(_MOST_READ).decode(errors="replace") if query == "-" else query
    service = open_answering(ctx)
    asked = Query(
        text=text,
        audience=audience,
        expand=not no_expand,
        with_terms=with_terms,
        without_terms=without_terms,
        limit=limit,
        offset=(page - 1) * limit,
        filters=Filters(source=source, kind=kind or "", stage=stage or ""),
    )
    answer = service.search(asked, caller=LOCAL)
    publish(service)
    show(answer.model_dump(by_alias=True), as_json=as_json, text=_search_text(answer))


@click.command()
@click.argument("patient", required=False)
@click.option("--as-of", metavar="DATE", help="As it was known on this day [default: today].")
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True)
@json_option
@click.pass_context
def recommend(ctx: click.Context, *, patient: str | None, as_of: str | None, limit: int, as_json: bool) -> None:
    """Recommend articles for PATIENT, written <institution>-<the institution's own id>."""
    if patient is None:
        raise UsageError("Name a patient.", hint="As in: strokemap recommend north-000001.", where="PATIENT")
    day = parse_day(as_of, where="--as-of") if as_of else None
    service = open_answering(ctx)
    answer = service.recommend(patient, as_of=day, limit=limit, caller=LOCAL)
    publish(service)
    show(answer.model_dump(by_alias=True), as_json=as_json, text=_recommend_text(answer))


@click.group()
def rules() -> None:
    """Look after the safety rules."""


@rules.command("check")
@json_option
def check(*, as_json: bool) -> None:
    """Check that the rules can be read and name only what exists; list them."""
    # What can't be read is refused.
    rulebook, features = load_rulebook(), len(load_weights().features)
    listed = [{"rule": rule.name, "why": rule.why, "source": rule.source} for rule in rulebook.rules]
    codes = len(rulebook.codes.rows)
    lines = [f"{rule['rule']}: {rule['why']} ({rule['source']})" for rule in listed]
    lines.append(f"Sound: {len(listed)} rules, {codes} codes, {features} features.")
    show({"rules": listed, "codes": codes, "features": features}, as_json=as_json, text="\n".join(lines))


def _search_text(answer: SearchOut) -> str:
    patient = answer.audience == "patient"
    lines = [f"Did you mean: {answer.did_you_mean}"] if answer.did_you_mean else []
    if answer.terms and not patient:
        lines.append("Found in your words: " + ", ".join(f"{term.term} (“{term.surface}”)" for term in answer.terms))
    for term in answer.expansion if not patient else ():
        lines.append(f"  + {term.said} {term.weight:.2f}: {term.reason}")
        lines += [f"      {step.source} → {step.target}: “{step.sentence}”" for step in term.path]
    if patient and (said := [term.said for term in answer.expansion if term.said]):
        lines.append(f"Also looked for: {', '.join(said)}")
    if answer.why_no_expansion:
        lines.append(f"Nothing added: {answer.why_no_expansion}")
    if answer.unlinked:
        lines.append("As plain text: " + ", ".join(answer.unlinked))
    for number, result in enumerate(answer.results, start=answer.offset + 1):
        grade = "" if result.reading_grade is None else f", reading grade {result.reading_grade:.0f}"
        shown = "" if patient else f" {result.score:.2f}"
        lines.append(f"{number:2}. {result.title}  [{result.source}{grade}]{shown}  {result.id}")
        snippet = "".join(f"{_MARKS[by]}{text}{_MARKS[by]}" for by, text in cut_snippet(result))
        lines += [f"    {snippet}", f"    {result.why}"]
        lines += [f"    The same in other words: {', '.join(result.also)}"] if result.also else []
    lines.append("" if answer.results else "Nothing was found." if not answer.offset else "Nothing more was found.")
    if answer.more:
        lines.append(f"More: --page {answer.offset // max(1, len(answer.results)) + 2}")
    if answer.related:
        lines.append("Related: " + ", ".join(answer.related))
    if not patient and answer.expansion:
        lines.append(f"For PubMed: {answer.pubmed}")
    lines.append(entry_line(answer))
    return "\n".join(lines)


def _recommend_text(answer: RecommendOut) -> str:
    lines = [answer.why] if answer.why else []
    for number, result in enumerate(answer.results, start=1):
        lines.append(f"{number:2}. {result.title}  {result.score:.2f}  {result.id}")
        lines += [f"    – {reason.text}" for reason in result.reasons]
    lines += [f"Held back: {held.id} ({held.rule})" for held in answer.withheld]
    if answer.data_as_of:
        lines.append(f"Newest data of {answer.data_as_of}.")
    lines.append(entry_line(answer))
    return "\n".join(lines)
