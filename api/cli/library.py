"""articles, index: the library of health articles and the text index over it and the map."""

from __future__ import annotations

from pathlib import Path

import click

from api.cli.context import bars, json_option, open_setup, show
from api.indexing import correct_article, described_articles, make_index
from api.search_schemas import ArticleOut
from api.service import utc_now
from search import Article, Library, import_articles
from search.article import is_overdue


@click.group()
def articles() -> None:
    """Import, list and correct health articles."""


@articles.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Exit with 1 when any article was refused.")
@json_option
@click.pass_context
def import_(ctx: click.Context, *, path: Path, strict: bool, as_json: bool) -> None:
    """Import articles from a JSONL file (.gz too) or a folder of Markdown; the same article again changes nothing."""
    setup = open_setup(ctx)
    with bars() as progress:
        report = import_articles(path, library=Library.open(setup.home.library))
        if setup.home.current("map"):
            make_index(setup.home, progress=progress)
    refused = [{"line": item.line, "file": item.file, "reason": item.reason} for item in report.refused]
    document = {
        "imported": report.imported,
        "unchanged": report.unchanged,
        "quarantined": len(refused),
        "refused": refused,
    }
    text = f"{report.imported} imported, {report.unchanged} unchanged, {len(refused)} refused." + "".join(
        f"\n  {item['file'] or 'line ' + str(item['line'])}: {item['reason']}" for item in refused
    )
    show(document, as_json=as_json, text=text)
    if strict and refused:
        ctx.exit(1)


@articles.command("list")
@click.option("--past-review", is_flag=True, help="Only those past the date by which they should be reviewed.")
@json_option
@click.pass_context
def list_articles(ctx: click.Context, *, past_review: bool, as_json: bool) -> None:
    """List the imported articles, each as it was described and corrected."""
    home = open_setup(ctx).home
    found: list[Article] = list(described_articles(home))
    if past_review:
        found = [article for article in found if is_overdue(article, today=utc_now().date())]
    document = [ArticleOut.model_validate(article).model_dump(exclude={"text"}) for article in found]
    text = "\n".join(
        f"{article.id}  {article.title} ({', '.join(filter(None, [article.source, article.kind, *article.stage]))})"
        f"{f', review by {article.review_by}' if article.review_by else ''}"
        for article in found
    )
    show(document, as_json=as_json, text=text or "No such articles." if past_review else text or "No articles yet.")


@articles.command("set")
@click.argument("article_id", metavar="ID")
@click.argument("field")
@click.argument("value")
@json_option
@click.pass_context
def set_field(ctx: click.Context, *, article_id: str, field: str, value: str, as_json: bool) -> None:
    """Correct one FIELD of an article (kind, audience, stage, …); imports never overwrite it."""
    home = open_setup(ctx).home
    with bars() as progress:
        correct_article(home, article_id, field=field, value=value, progress=progress)
    document = {"id": article_id, "field": field, "value": value}
    show(document, as_json=as_json, text=f"{article_id}: {field} is now {value}.")


@click.command()
@json_option
@click.pass_context
def index(ctx: click.Context, *, as_json: bool) -> None:
    """Make the text index of the library and the published map, everything anew."""
    setup = open_setup(ctx)
    with bars() as progress:
        made = make_index(setup.home, progress=progress, anew=True)
    document = {"digest": made.digest, "articles": len(made)}
    show(document, as_json=as_json, text=f"Index {made.digest[:12]}: {len(made)} articles.")
