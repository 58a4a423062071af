"""crawl, builds, export: growing the map and looking after its builds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from api.cli.context import bars, json_option, open_bench, read_settings, show
from api.growing import Crawl, grow
from api.service import utc_now
from kg_builder.model import Build
from kg_builder.stores.base import BuildSummary
from strokemap.topic import check_path_length, load_topic


@click.command()
@click.option(
    "--topic", required=True, type=click.Path(), metavar="T", help="A shipped topic (stroke, diabetes) or a TOML file."
)
@click.option("--source", required=True, metavar="URL|FILE", help="A wiki's address, or an XML export.")
@click.option("--path-length", type=int, help="Most links to follow from a starting term [default: the topic's].")
@click.option("--max-pages", type=click.IntRange(1), help="Read no more pages than this.")
@click.option(
    "--resume", is_flag=True, help="Go on where a crawl stopped or pages failed; with nothing left, start anew."
)
@click.option("--refresh", is_flag=True, help="Ask only for what changed since the last such crawl.")
@click.option("--publish", is_flag=True, help="Publish the build and make the text index.")
@json_option
@click.pass_context
def crawl(
    ctx: click.Context,
    *,
    topic: str,
    source: str,
    path_length: int | None,
    max_pages: int | None,
    resume: bool,
    refresh: bool,
    publish: bool,
    as_json: bool,
) -> None:
    """Grow a map: from the starting terms along accepted links, up to the path length."""
    if path_length is not None:
        check_path_length(path_length, where="--path-length")
    asked = Crawl(
        topic=load_topic(topic),
        source=source,
        contact=read_settings(ctx).contact,
        path_length=path_length,
        max_pages=max_pages,
        resume=resume,
        refresh=refresh,
    )
    bench = open_bench(ctx)
    with bars() as progress:
        build = grow(asked, bench=bench, now=utc_now(), progress=progress)
        if publish:
            bench.publish(build.digest, progress=progress)
    document = _made(build) | {"published": publish}
    cut = f" {build.made.passed_over} titles were passed over unread." if build.made.passed_over else ""
    cut += f" {build.made.unread} pages were left unread at --max-pages." if build.made.unread else ""
    failed = len(build.made.failed)
    # An export will never have what it has not got now.
    again = "; --refresh tries them again" if "://" in source else ""
    cut += f" {failed} titles failed, see `strokemap builds show`{again}." if failed else ""
    text = (
        f"Build {build.digest[:12]}: {len(build.terms)} terms, {len(build.links)} links from {build.made.pages} pages "
        f"({build.made.requests} requests or passes).{cut}{' Published.' if publish else ''}"
    )
    show(document, as_json=as_json, text=text)


@click.group()
def builds() -> None:
    """List, show, compare, publish and roll back builds."""


@builds.command("list")
@json_option
@click.pass_context
def list_builds(ctx: click.Context, *, as_json: bool) -> None:
    """List the builds, newest first."""
    found = open_bench(ctx).builds()
    lines = [
        f"{build.digest[:12]}  {build.made.at:%Y-%m-%d %H:%M}  {build.topic}: {build.terms} terms, {build.links} links"
        f"{'  published' if build.published else ''}"
        for build in found
    ]
    show([_summary(build) for build in found], as_json=as_json, text="\n".join(lines) or "No builds yet.")


@builds.command("show")
@click.argument("build")
@json_option
@click.pass_context
def show_build(ctx: click.Context, *, build: str, as_json: bool) -> None:
    """Show one build's counts, how it was made, and its terms by path length."""
    found = open_bench(ctx).read(build)
    levels: dict[int, int] = {}
    for term in found.terms:
        levels[term.path_length] = levels.get(term.path_length, 0) + 1
    document = _made(found) | {"terms_by_path_length": levels}
    show(document, as_json=as_json, text="\n".join(f"{name}: {value}" for name, value in document.items()))


@builds.command("diff")
@click.argument("a")
@click.argument("b")
@json_option
@click.pass_context
def diff(ctx: click.Context, *, a: str, b: str, as_json: bool) -> None:
    """List the terms and links that came, went or changed from build A to build B, and which page caused it."""
    from kg_builder.diff import diff_builds

    bench = open_bench(ctx)
    found = diff_builds(bench.read(a), bench.read(b), bench.decisions())
    causes: dict[tuple[str, ...], list[str]] = {}
    for cause in found.causes:
        who = f"decision {cause.decision}" if cause.decision else cause.page
        causes.setdefault(cause.of, []).append(f"{who}: {cause.why}")
    lines = ["The topic changed."] if found.topic_changed else []
    lines += ["The judge changed."] if found.judge_changed else []
    for name in ("terms_added", "terms_removed", "terms_changed", "links_added", "links_removed", "links_changed"):
        items = [(item,) if isinstance(item, str) else item for item in getattr(found, name)]
        lines += [f"{name.replace('_', ' ')}: {len(items)}"] if items else []
        for item in items:
            first, *more = causes[item]
            lines.append(f"  {' – '.join(item)} ← {first}{f' and {len(more)} more' if more else ''}")
    show(asdict(found), as_json=as_json, text="\n".join(lines) or "The builds are equal.")


@builds.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def import_build(ctx: click.Context, *, file: Path, as_json: bool) -> None:
    """Store the build that FILE, an export in Turtle or N-Triples, holds; the pages' texts are not in it."""
    from kg_builder.rdf import read_rdf

    found = read_rdf(file)
    with bars() as progress, open_bench(ctx).store() as store:
        store.write(found, texts=(), progress=progress)
    text = f"Build {found.digest[:12]}: {len(found.terms)} terms, {len(found.links)} links."
    show(_made(found), as_json=as_json, text=text)


@builds.command("publish")
@click.argument("build")
@json_option
@click.pass_context
def publish_build(ctx: click.Context, *, build: str, as_json: bool) -> None:
    """Publish a build, named by the beginning of its digest."""
    with bars() as progress:
        projection = open_bench(ctx).publish(build, progress=progress)
    document = {"digest": projection.digest, "terms": len(projection)}
    show(document, as_json=as_json, text=f"Published {projection.digest[:12]}.")


@builds.command("rollback")
@click.option("--topic", help="Which topic's map [default: the published one's].")
@json_option
@click.pass_context
def rollback(ctx: click.Context, *, topic: str | None, as_json: bool) -> None:
    """Publish what was published before."""
    bench = open_bench(ctx)
    name = topic or bench.read(None).topic.name
    with bars() as progress:
        projection = bench.rollback(name, progress=progress)
    show({"digest": projection.digest}, as_json=as_json, text=f"Published {projection.digest[:12]} again.")


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--format", "format_", required=True, type=click.Choice(["turtle", "jsonld", "ntriples", "graphml", "csv"])
)
@click.option("--build", help="Beginning of a digest [default: the published build].")
@json_option
@click.pass_context
def export(ctx: click.Context, *, out: Path, format_: str, build: str | None, as_json: bool) -> None:
    """Write a build to OUT (for csv: a folder)."""
    from kg_builder.export import export_build

    bench = open_bench(ctx)
    found = bench.read(build)
    export_build(found, decisions=bench.decisions(), format=format_, out=out)
    document = {"out": str(out), "digest": found.digest, "terms": len(found.terms), "links": len(found.links)}
    show(document, as_json=as_json, text=f"Wrote {len(found.terms)} terms and {len(found.links)} links to {out}.")


def _summary(build: BuildSummary) -> dict[str, object]:
    return {
        "digest": build.digest,
        "topic": build.topic,
        "terms": build.terms,
        "links": build.links,
        "at": build.made.at.isoformat(),
        "source": build.made.source,
        "published": build.published,
    }


def _made(build: Build) -> dict[str, object]:
    return {
        "digest": build.digest,
        "topic": build.topic.name,
        "starting_terms": list(build.topic.starting_terms),
        "path_length": build.topic.path_length,
        "judge": build.made.judge,
        "source": build.made.source,
        "pages": build.made.pages,
        "unread": build.made.unread,
        "passed_over": build.made.passed_over,
        "requests": build.made.requests,
        "failed": list(build.made.failed),
        "at": build.made.at.isoformat(),
        "terms": len(build.terms),
        "links": len(build.links),
    }
