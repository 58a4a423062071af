"""demo: the main job on the bundled demonstration."""

from __future__ import annotations

import json

import click

from api.cli.context import bars, json_option, read_settings
from api.demo import demonstrate, open_demonstration


@click.command()
@click.option("--once", is_flag=True, help="Print a summary and exit instead of serving the screens.")
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="0 takes a free one.")
@json_option
@click.pass_context
def demo(ctx: click.Context, *, once: bool, port: int, as_json: bool) -> None:
    """Build the map, load histories and articles, search, recommend and verify; all of it on invented data."""
    setup = open_demonstration(read_settings(ctx), explicit=ctx.find_root().obj["home"] is not None)
    with bars() as progress:
        summary = demonstrate(setup, progress=progress, say=lambda line: click.echo(line, err=as_json))
    if as_json:
        click.echo(json.dumps(summary))
    if once:
        return
    from api.serving import run

    run(setup.home, setup.keys, setup.settings, host="127.0.0.1", port=port, open_browser=True)
