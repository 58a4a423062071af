"""serve, token, config: running the service."""

from __future__ import annotations

import click

from api.access import Caller
from api.cli.context import json_option, open_setup, read_settings, show
from api.service import utc_now
from api.tokens import make_token


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="0 takes a free one.")
@click.pass_context
def serve(ctx: click.Context, *, host: str, port: int) -> None:
    """Serve the screens and the HTTP interface."""
    from api.app import refuse_self_made_keys
    from api.serving import run

    setup = open_setup(ctx)
    refuse_self_made_keys(setup.home, setup.keys)
    run(setup.home, setup.keys, setup.settings, host=host, port=port, open_browser=False)


@click.command()
@click.option("--role", required=True, metavar="R", help="patient, clinician, curator, auditor or institution.")
@click.option("--subject", required=True, metavar="S", help="For a patient: <institution>-<own id>.")
@click.option("--institution", default="", metavar="I", help="A clinician's, or the institution itself.")
@json_option
@click.pass_context
def token(ctx: click.Context, *, role: str, subject: str, institution: str, as_json: bool) -> None:
    """Make a bearer token that lasts twelve hours."""
    setup = open_setup(ctx)
    caller = Caller(role=role, subject=subject, institution=institution)
    text = make_token(caller, key=setup.keys.secret("token"), origin=setup.home.origin, now=utc_now())
    show({"token": text}, as_json=as_json, text=text)


@click.command()
@json_option
@click.pass_context
def config(ctx: click.Context, *, as_json: bool) -> None:
    """Print the settings in force; passwords in addresses are masked."""
    settings = read_settings(ctx)
    values = settings.masked()
    show(values, as_json=as_json, text="\n".join(f"{name} = {value}" for name, value in values.items()))
