"""The entry point: global options, commands loaded when named, errors as message and hint."""

from __future__ import annotations

import io
import json
import logging
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import cast

import click

from strokemap.errors import StrokemapError

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("api.cli.demo:demo", "Do the main job on the bundled demonstration, then serve the screens."),
    "crawl": ("api.cli.map:crawl", "Grow a map from a page source."),
    "builds": ("api.cli.map:builds", "List, show, compare, publish and roll back builds."),
    "export": ("api.cli.map:export", "Write a build as RDF, GraphML or CSV."),
    "curate": ("api.cli.curate:curate", "Correct the map; every decision can be undone."),
    "judge": ("api.cli.curate:judge", "Show or train the judge."),
    "articles": ("api.cli.library:articles", "Import, list and correct health articles."),
    "index": ("api.cli.library:index", "Make the text index of the library and the published map."),
    "search": ("api.cli.ask:search", "Search articles; the map expands the query and says why."),
    "histories": ("api.cli.histories:histories", "Acquire, withdraw and query health histories."),
    "recommend": ("api.cli.ask:recommend", "Recommend articles for one patient."),
    "rules": ("api.cli.ask:rules", "Check the safety rules."),
    "evaluate": ("api.cli.evaluate:evaluate", "Measure the map and the retrieval."),
    "ledger": ("api.cli.ledger:ledger", "Verify the ledger, fetch receipts, open and erase entries."),
    "serve": ("api.cli.serve:serve", "Serve the screens and the HTTP interface."),
    "token": ("api.cli.serve:token", "Make a bearer token."),
    "config": ("api.cli.serve:config", "Print the settings in force."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is named, so that help comes at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and give one command."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        return _taking_text(cast(click.Command, getattr(import_module(module), name)))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from the table, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


class Text(click.types.StringParamType):
    """An argument that is neither a path nor unprocessed: bytes that are no UTF-8 could be stored nowhere."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Give the text. Errors: click.UsageError."""
        text = super().convert(value, param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail("it is not UTF-8.", param, ctx)
        return text


def _taking_text(command: click.Command) -> click.Command:
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        _taking_text(part)
    for param in command.params:
        if param.type is click.STRING:
            param.type = Text()
    return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder of all state.")
@click.option("--config", type=click.Path(path_type=Path), help="Settings file [default: strokemap.toml].")
@click.version_option(package_name="strokemap", message="strokemap %(version)s")
@click.pass_context
def cli(ctx: click.Context, home: Path | None, config: Path | None) -> None:
    """Knowledge-graph search and recommendation for stroke."""
    ctx.obj = {"home": home, "config": config}


def main(arguments: list[str] | None = None) -> None:
    """Run one command and leave the process: 0 done, 1 known failure, 2 usage."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A path need not be UTF-8, but is shown.
            stream.reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if arguments is None else arguments
    wants_json = "--json" in words
    try:
        cli.main(args=words, prog_name="strokemap", standalone_mode=False)
    except StrokemapError as error:
        report(error.document(), wants_json=wants_json)
        sys.exit(error.exit_status)
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "strokemap"
        report(_usage_document(error, where), wants_json=wants_json)
        sys.exit(2)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nStopped. What was finished is kept: run the command again (crawl: with --resume).", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # the last handler of this face: a person never sees a traceback
        report(unexpected(error), wants_json=wants_json)
        sys.exit(1)


def unexpected(error: Exception) -> dict[str, object]:
    """Describe a fault of ours: its kind and line, never its message, which could hold health data."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return {
        "code": "strokemap.unexpected",
        "message": f"Something went wrong that Strokemap did not foresee ({type(error).__name__}).",
        "hint": "Please report it with the command and the place named here.",
        "retryable": False,
        "where": f"{Path(frame.filename).parent.name}/{Path(frame.filename).name}:{frame.lineno}",
    }


def report(document: dict[str, object], *, wants_json: bool) -> None:
    """Print an error: message and hint on stderr and, with ``--json``, the document on stdout."""
    if wants_json:
        click.echo(json.dumps({"error": document}, ensure_ascii=False))
    place = f" [{document['where']}]" if document["where"] else ""
    click.echo(f"{document['message']}{place}\n{document['hint']}\n({document['code']})", err=True)


def _usage_document(error: click.UsageError, where: str) -> dict[str, object]:
    return {
        "code": "strokemap.usage",
        "message": error.format_message(),
        "hint": f"See “{where} --help”.",
        "retryable": False,
        "where": where,
    }


if __name__ == "__main__":
    main()
