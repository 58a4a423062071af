"""histories: acquiring extracts, profiles, and questions to the history store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import click

from api.access import LOCAL
from api.cli.context import bars, json_option, open_intake, show
from api.schemas import acquired_out, parse_day
from hive_queries import Profile, pseudonym, published_profiles, withdraw
from hive_queries.facts import Fact, print_date
from hive_queries.quarantine import quarantined
from hive_queries.questions import questions, status
from recommend.stage import stage_at
from strokemap.errors import UsageError


@click.group()
def histories() -> None:
    """Acquire, withdraw and query health histories."""


@histories.command("sync")
@click.option("--institution", required=True, metavar="NAME", help="Small letters, digits and underscore.")
@click.option("--format", "format_", required=True, metavar="F", help="ist, synthea or fhir.")
@click.option("--strict", is_flag=True, help="Exit with 1 when any row was quarantined.")
@click.argument("path", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def sync(ctx: click.Context, *, institution: str, format_: str, strict: bool, path: Path, as_json: bool) -> None:
    """Acquire the extract at PATH; the same one again changes nothing."""
    with bars() as progress:
        acquired = open_intake(ctx).acquire(path, institution=institution, format=format_, progress=progress)
    document = acquired_out(acquired, institution=institution).model_dump()
    known = " It was here already; nothing changed." if acquired.already else ""
    text = (
        f"Batch {acquired.batch[:12]} of {institution}: {acquired.rows} rows of {acquired.patients} patients, "
        f"{acquired.quarantined} quarantined.{known}"
    )
    show(document, as_json=as_json, text=text)
    if strict and acquired.quarantined:
        ctx.exit(1)


@histories.command("withdraw")
@click.argument("name")
@json_option
@click.pass_context
def withdraw_institution(ctx: click.Context, *, name: str, as_json: bool) -> None:
    """Remove all that an institution sent, and make the profiles anew."""
    intake = open_intake(ctx)
    with intake.store() as store:
        gone = withdraw(name, store=store, work=intake.home.work)
    with bars() as progress:
        intake.make_profiles(progress=progress)
    show({"institution": name, "batches": gone.batches}, as_json=as_json, text=f"Withdrew {gone.batches} batches.")


@histories.command("profiles")
@json_option
@click.pass_context
def profiles(ctx: click.Context, *, as_json: bool) -> None:
    """Compute one profile a patient on the engine, for the read side."""
    with bars() as progress:
        made = open_intake(ctx).make_profiles(progress=progress)
    document = {"version": made.version, "patients": made.patients, "computed": made.computed}
    text = f"Profiles {made.version}: {made.patients} patients, of whom {made.computed} were computed."
    show(document, as_json=as_json, text=text)


@histories.command("profile")
@click.argument("patient")
@click.option("--as-of", metavar="DATE", help="As it was known on this day [default: today].")
@json_option
@click.pass_context
def profile(ctx: click.Context, *, patient: str, as_of: str | None, as_json: bool) -> None:
    """Show what is known of PATIENT, written <institution>-<the institution's own id>."""
    intake = open_intake(ctx)
    day = parse_day(as_of, where="--as-of") if as_of else intake.now().date()
    profiles = published_profiles(intake.home)
    known = profiles.get(pseudonym(patient, key=intake.keys.secret("pseudonym"))).known_at(day)
    document = {"patient": patient, "as_of": day, **_profile_document(known, as_of=day)}
    lines = [f"{name}: {_line(value)}" for name, value in document.items()]
    show(document, as_json=as_json, text="\n".join(lines))


def _profile_document(known: Profile, *, as_of: date) -> dict[str, Any]:
    def dated(facts: Iterable[Fact]) -> list[dict[str, str]]:
        return [{"what": fact.display or fact.code, "on": fact.printed_date} for fact in facts]

    def answers(family: str) -> dict[str, str]:
        return {fact.concept.removeprefix(f"{family} "): fact.answer for fact in known.newest(family)}

    scales = ("nihss", "mrs")
    return {
        "profile_version": known.version,
        "data_as_of": known.data_as_of,
        "sex": known.sex,
        "birth_year": known.birth_year,
        "died_on": print_date(known.died_on, known.died_precision),
        "stroke": {"type": known.stroke_type, "on": print_date(known.stroke_on, known.stroke_precision)},
        "stage": stage_at(known, as_of=as_of).name,
        "deficits": answers("deficit"),
        "risk_factors": answers("risk"),
        "course": {
            scale: [{"score": fact.value, "on": fact.printed_date} for fact in known.stated(f"scale {scale}")]
            for scale in scales
        },
        "drugs": dated(fact for fact in known.facts if fact.kind == "medication" and fact.answer == "yes"),
        "procedures": dated(fact for fact in known.facts if fact.kind == "procedure" and fact.answer == "yes"),
        "rehabilitation": dated(known.stated("rehabilitation")),
        "living": answers("living").get("living", ""),
        "languages": sorted({fact.answer for fact in known.stated("language")}),
        "articles": [{"article": fact.code, "what": fact.answer, "on": fact.printed_date} for fact in known.articles],
    }


def _line(value: object) -> str:
    match value:
        case dict():
            return "; ".join(f"{name} {_line(item)}" for name, item in value.items() if item)
        case list():
            return ", ".join(_line(item) for item in value)
        case _:
            return "" if value is None else str(value)


@histories.command("status")
@json_option
@click.pass_context
def show_status(ctx: click.Context, *, as_json: bool) -> None:
    """List the institutions with what they sent."""
    intake = open_intake(ctx)
    with intake.store() as store:
        found = status(store, work=intake.home.work)
    rows = [
        {
            "institution": item.institution,
            "patients": item.patients,
            "batches": item.batches,
            "rows": item.rows,
            "quarantined": item.quarantined,
            "last": item.last,
        }
        for item in found
    ]
    lines = [
        f"{row['institution']}: {row['patients']} patients, {row['batches']} batches, {row['rows']} rows, "
        f"{row['quarantined']} quarantined, last {row['last']}"
        for row in rows
    ]
    show({"institutions": rows}, as_json=as_json, text="\n".join(lines) or "No institution sent anything yet.")


@histories.command("quarantine")
@click.option("--institution", metavar="NAME", help="Only this one's rows.")
@json_option
@click.pass_context
def quarantine(ctx: click.Context, *, institution: str | None, as_json: bool) -> None:
    """List the rows that could not be understood: file, line, field, reason; never a value."""
    rows = [
        {"institution": row.institution, "file": row.file, "line": row.line, "field": row.field, "reason": row.reason}
        for row in quarantined(open_intake(ctx).home.work, institution=institution)
    ]
    lines = [f"{row['institution']} {row['file']}:{row['line']} {row['field']}: {row['reason']}" for row in rows]
    show({"quarantined": len(rows), "rows": rows}, as_json=as_json, text="\n".join(lines) or "Nothing is quarantined.")


@histories.command("ask")
@click.argument("question", required=False)
@click.option("--param", "params", multiple=True, metavar="K=V", help="A parameter of the question.")
@json_option
@click.pass_context
def ask_question(ctx: click.Context, *, question: str | None, params: tuple[str, ...], as_json: bool) -> None:
    """Ask a named QUESTION of all institutions' histories; without one, list the questions."""
    if question is None:
        known = questions()
        document = [
            {
                "question": item.name,
                "asks": item.asks,
                "params": dict(item.params),
                "columns": list(item.columns),
            }
            for item in known
        ]
        lines = [
            f"{item.name}: {item.asks}" + "".join(f"\n  --param {name}=…  {about}" for name, about in item.params)
            for item in known
        ]
        show(document, as_json=as_json, text="\n".join(lines))
        return
    pairs = [param.partition("=") for param in params]
    if any(not sign for _, sign, _ in pairs):
        raise UsageError("A parameter is written name=value.", hint="As in: --param days=30.", where="--param")
    answer = open_intake(ctx).ask(question, params={name: value for name, _, value in pairs}, caller=LOCAL)
    document_rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    lines = ["\t".join(answer.columns), *("\t".join("" if v is None else str(v) for v in row) for row in answer.rows)]
    document_all = {"question": question, "data_as_of": answer.data_as_of, "rows": document_rows}
    show(document_all, as_json=as_json, text="\n".join(lines))
