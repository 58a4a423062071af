"""histories: acquiring extracts, profiles, and questions to the history store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import click

from api.access import LOCAL
from api.cli.context import bars, entry_line, json_option, open_answering, open_intake, publish, read_settings, show
from api.schemas import acquired_out, parse_day
from api.service import utc_now
from hive_queries import Profile, pseudonym, published_profiles
from hive_queries.facts import Fact, print_date
from hive_queries.quarantine import export_bad_rows, quarantined
from hive_queries.questions import FEWEST, questions, status
from recommend.codes import load_codes
from recommend.stage import stage_at
from strokemap.errors import UsageError


@click.group()
def histories() -> None:
    """Acquire, withdraw and query health histories."""


_institution = click.option(
    "--institution", required=True, metavar="NAME", help="Small letters, digits and underscore."
)
_format = click.option(
    "--format", "format_", required=True, metavar="F", help="fhir, ist, synthea, events, or mapping:FILE."
)
_strict = click.option("--strict", is_flag=True, help="Exit with 1 when any row was quarantined.")


@histories.command("sync")
@_institution
@_format
@_strict
@click.argument("path", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def sync(ctx: click.Context, *, institution: str, format_: str, strict: bool, path: Path, as_json: bool) -> None:
    """Acquire the extract at PATH; the same one again changes nothing."""
    _acquire(ctx, path, institution=institution, format=format_, mended=False, strict=strict, as_json=as_json)


@histories.command("replay")
@_institution
@_format
@_strict
@click.argument("path", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def replay(ctx: click.Context, *, institution: str, format_: str, strict: bool, path: Path, as_json: bool) -> None:
    """Acquire the mended rows at PATH, a file that quarantine --out made; they leave the quarantine."""
    _acquire(ctx, path, institution=institution, format=format_, mended=True, strict=strict, as_json=as_json)


def _acquire(
    ctx: click.Context, path: Path, *, institution: str, format: str, mended: bool, strict: bool, as_json: bool
) -> None:
    with bars() as progress:
        acquired = open_intake(ctx).acquire(
            path, institution=institution, format=format, mended=mended, progress=progress
        )
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
def withdraw(ctx: click.Context, *, name: str, as_json: bool) -> None:
    """Remove all that an institution sent, make the profiles anew, and record it on the ledger."""
    with bars() as progress:
        batches, entry = open_intake(ctx).withdraw(name, progress=progress)
    text = f"Withdrew {batches} batches: entry {entry} on the ledger."
    show({"institution": name, "batches": batches, "entry": entry}, as_json=as_json, text=text)


@histories.command("opt-out")
@click.option("--undo", is_flag=True, help="Let the patient come back.")
@click.argument("patient")
@json_option
@click.pass_context
def opt_out(ctx: click.Context, *, patient: str, undo: bool, as_json: bool) -> None:
    """Take PATIENT out of all profiles and cohorts from now on."""
    with bars() as progress:
        made = open_intake(ctx).opt_out(patient, undo=undo, progress=progress)
    text = f"The patient {'is back' if undo else 'opted out'}. Profiles {made.version}: {made.patients} patients."
    show({"opted_out": not undo, "version": made.version, "patients": made.patients}, as_json=as_json, text=text)


@histories.command("profiles")
@json_option
@click.pass_context
def profiles(ctx: click.Context, *, as_json: bool) -> None:
    """Compute one profile a patient on the engine, for the read side."""
    with bars() as progress:
        made = open_intake(ctx).make_profiles(progress=progress)
    document = {"version": made.version, "patients": made.patients, "computed": made.computed}
    text = f"Profiles {made.version}: {made.patients} patients; {made.computed} were computed."
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
    """List the institutions with what they sent, when they were last heard of, and whether a sync is due."""
    intake, hours, now = open_intake(ctx), read_settings(ctx).sync_hours, utc_now()
    with intake.store() as store:
        found = status(store, work=intake.home.work, expected=hours)
    rows = [
        asdict(item)
        | {
            "age_hours": item.checked and round((now - item.checked).total_seconds() / 3600, 1),
            "due": item.due(hours=hours.get(item.institution), now=now),
        }
        for item in found
    ]
    lines = [
        f"{row['institution']}: {row['patients']} patients, {row['batches']} batches, {row['rows']} rows, "
        f"{row['quarantined']} quarantined, "
        + (f"checked {row['age_hours']} hours ago" if row["checked"] else "never taken")
        + (", due" if row["due"] else "")
        + (f", last problem {row['problem']}" if row["problem"] else "")
        for row in rows
    ]
    show({"institutions": rows}, as_json=as_json, text="\n".join(lines) or "No institution sent anything yet.")


@histories.command("quarantine")
@click.option("--institution", metavar="NAME", help="Only this one's rows.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="Write the rows to a new file, to mend them."
)
@json_option
@click.pass_context
def quarantine(ctx: click.Context, *, institution: str | None, out: Path | None, as_json: bool) -> None:
    """List the rows that could not be understood: file, line, field, reason; never a value."""
    intake = open_intake(ctx)
    found = list(quarantined(intake.home.work, key=intake.keys.secret("pseudonym"), institution=institution))
    rows = [
        {"institution": row.institution, "file": row.file, "line": row.line, "field": row.field, "reason": row.reason}
        for row in found
    ]
    lines = [f"{row['institution']} {row['file']}:{row['line']} {row['field']}: {row['reason']}" for row in rows]
    if out:
        export_bad_rows(found, out)
        lines = [f"Wrote {len(rows)} rows. Mend what stands in “row”, then: strokemap histories replay."]
    show({"quarantined": len(rows), "rows": rows}, as_json=as_json, text="\n".join(lines) or "Nothing is quarantined.")


@histories.command("codes")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@json_option
@click.pass_context
def codes(ctx: click.Context, *, limit: int, as_json: bool) -> None:
    """List the codes that no need and no concept knows, most frequent first, for the curator."""
    seen = open_intake(ctx).unmapped(codes=load_codes())
    rows = [
        {"system": row.system, "code": row.code, "words": row.words, "facts": row.facts, "known": row.known}
        for row in seen
        # Fewer patients than this might be told apart by a rare code.
        if row.patients >= FEWEST
    ]
    lines = [f"{row['facts']}\t{row['system']} {row['code']}\t{row['words']}" for row in rows[:limit]]
    document = {"codes": rows[:limit], "listed": len(rows), "rare": len(seen) - len(rows)}
    show(document, as_json=as_json, text="\n".join(lines) or "Every frequent code is known.")


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
            {"question": item.name, "asks": item.asks, "params": dict(item.params), "columns": list(item.columns)}
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
    given, service = {name: value for name, _, value in pairs}, open_answering(ctx)
    answer = open_intake(ctx).ask(question, params=given, caller=LOCAL, service=service)
    publish(service)
    lines = ["\t".join(answer.columns), *("\t".join("" if v is None else str(v) for v in row) for row in answer.rows)]
    lines += [f"Newest data of {answer.data_as_of}."] if answer.data_as_of else []
    lines.append(entry_line(answer))
    document_all = answer.model_dump(exclude={"columns", "fewest_counted"})
    document_all["rows"] = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    show(document_all, as_json=as_json, text="\n".join(lines))
