"""What every command needs: settings, home, keys, progress bars, and one way to print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

import click

from strokemap.errors import LedgerError
from strokemap.home import Home, open_home
from strokemap.keys import Keys
from strokemap.progress import Progress
from strokemap.settings import Settings, load_settings

# What only some commands need is imported where they ask for it: it takes longer than the others' whole work.
if TYPE_CHECKING:
    from api.acquiring import Intake
    from api.curating import Bench
    from api.schemas import QuestionOut, RecommendOut
    from api.search_schemas import SearchOut
    from api.service import Service

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The installation that a command works on."""

    settings: Settings
    home: Home
    keys: Keys


def open_setup(ctx: click.Context) -> Setup:
    """Read the settings and open (or make) the home."""
    settings = read_settings(ctx)
    home = open_home(settings.home, origin=settings.origin or None)
    return Setup(settings=settings, home=home, keys=Keys(folder=settings.keys, origin=home.origin))


def open_bench(ctx: click.Context) -> Bench:
    """Open the curator's bench of this installation."""
    from api.curating import Bench

    setup = open_setup(ctx)
    return Bench(home=setup.home, store_url=setup.settings.map_store_url())


def open_intake(ctx: click.Context) -> Intake:
    """Open the door for extracts of this installation."""
    from api.acquiring import Intake
    from api.service import utc_now

    setup = open_setup(ctx)
    return Intake(
        home=setup.home,
        keys=setup.keys,
        store_url=setup.settings.history_store_url(),
        now=utc_now,
        retention_days=setup.settings.retention_days,
    )


def open_answering(ctx: click.Context) -> Service:
    """Open the service of this installation: answers with their entries."""
    from api.service import open_service

    setup = open_setup(ctx)
    return open_service(setup.home, setup.keys)


def publish(service: Service) -> None:
    """Renew the checkpoint after an answer; the entry is safe where that fails, and a message says so."""
    try:
        service.ledger.publish()
    except LedgerError as error:
        click.echo(f"The entry is safe, but the checkpoint was not renewed: {error.message} ({error.code})", err=True)


def entry_line(answer: SearchOut | RecommendOut | QuestionOut) -> str:
    """Say where on the ledger an answer stands, or why it does not."""
    if answer.entry_error:
        return f"Not on the ledger: {answer.entry_error.message}"
    return f"Entry {answer.entry} on the ledger."


def read_settings(ctx: click.Context) -> Settings:
    """Read the settings with the global options of this call."""
    options: dict[str, Path | None] = ctx.find_root().obj
    return load_settings(config=options["config"], home=options["home"])


def show(document: Any, *, as_json: bool, text: str) -> None:
    """Print the result: one JSON document, or text for a person."""
    click.echo(json.dumps(document, ensure_ascii=False, default=str) if as_json else text)


@contextmanager
def bars() -> Iterator[Progress]:
    """Give a Progress that draws one bar a piece of work on stderr, where that is a terminal, and closes them."""
    from tqdm import tqdm

    open_bars: dict[str, tqdm[Never]] = {}

    def progress(what: str, done: int, total: int | None) -> None:
        bar = open_bars.get(what)
        if bar is None:
            for other in open_bars.values():
                other.close()
            open_bars.clear()
            bar = open_bars[what] = tqdm(desc=what, total=total, mininterval=0.2, disable=None)
        bar.total = total
        bar.update(done - bar.n)

    try:
        yield progress
    finally:
        for bar in open_bars.values():
            bar.close()
