"""ledger: verifying, receipts, opening and erasing entries."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from api.cli.context import json_option, open_setup, show
from api.service import open_home_ledger, utc_now
from ledger import Ledger, Trust, parse_receipt, verify_receipt
from strokemap.errors import InputMissing, UsageError
from strokemap.home import replace_file, writing


@click.group()
def ledger() -> None:
    """Verify the ledger, fetch receipts, open and erase entries."""


@ledger.command("status")
@json_option
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> None:
    """Show the ledger's name, size and public key."""
    found = _ledger(ctx).status()
    document = {
        "origin": found.origin,
        "size": found.size,
        "published": found.published,
        "root": found.root.hex() if found.root else None,
        "vkey": found.vkey,
    }
    show(document, as_json=as_json, text="\n".join(f"{name}: {value}" for name, value in document.items()))


@ledger.command("verify")
@click.option("--receipt", type=click.Path(path_type=Path), metavar="FILE", help="Check this receipt alone.")
@click.option(
    "--key", type=click.Path(path_type=Path), metavar="FILE", help="The public key of the receipt's log; needs no home."
)
@json_option
@click.pass_context
def verify(ctx: click.Context, *, receipt: Path | None, key: Path | None, as_json: bool) -> None:
    """Hash every entry and tile anew and compare with the signed checkpoint; or check one receipt."""
    if receipt is None:
        if key:
            raise UsageError("--key says who signed a receipt.", hint="Add --receipt FILE.", where="--key")
        verified = _ledger(ctx).verify()
    else:
        trust = Trust.of(_read(key, "public key").decode(errors="replace")) if key else _ledger(ctx).trust
        found = parse_receipt(_read(receipt, "receipt"))
        verified = verify_receipt(found, leaf=found.leaf, trust=trust)
    document = {
        "ledger": "verified",
        "origin": verified.origin,
        "size": verified.size,
        "root": verified.root.hex(),
        "index": verified.index,
        "pending": verified.pending,
    }
    what = f"entry {verified.index} of {verified.size}" if receipt else f"{verified.size} entries"
    show(document, as_json=as_json, text=f"Verified: {what}, root {verified.root.hex()}.")


@ledger.command("receipt")
@click.argument("index", type=int)
@click.option("--out", required=True, type=click.Path(path_type=Path), metavar="FILE")
@json_option
@click.pass_context
def receipt(ctx: click.Context, *, index: int, out: Path, as_json: bool) -> None:
    """Write the receipt of entry INDEX: proof that it is on the ledger, checkable without us."""
    opened = _ledger(ctx)
    opened.publish()
    text = opened.receipt(index).text
    with writing("The receipt", where=out, hint="Name a file in a folder that is there and may be written to."):
        replace_file(out, text)
    show({"index": index, "out": str(out)}, as_json=as_json, text=f"Wrote the receipt of entry {index} to {out}.")


@ledger.command("open")
@click.argument("index", type=int)
@json_option
@click.pass_context
def open_(ctx: click.Context, *, index: int, as_json: bool) -> None:
    """Print what entry INDEX commits to, from the vault."""
    content = _ledger(ctx).open(index).decode()
    show({"index": index, "content": content}, as_json=as_json, text=content)


@ledger.command("erase")
@click.argument("index", type=int)
@click.option("--reason", required=True, help="Why; kept encrypted, for people write names into reasons.")
@json_option
@click.pass_context
def erase(ctx: click.Context, *, index: int, reason: str, as_json: bool) -> None:
    """Destroy the key of entry INDEX: what was asked is gone, every proof stays true."""
    opened = _ledger(ctx)
    entry = opened.erase(index, reason=reason, now=utc_now(), random_bytes=secrets.token_bytes)
    opened.publish()
    show({"erased": index, "entry": entry}, as_json=as_json, text=f"Erased {index}; recorded as entry {entry}.")


@ledger.command("export")
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def export(ctx: click.Context, *, folder: Path, as_json: bool) -> None:
    """Copy log, tiles, checkpoint and public key to FOLDER, for a mirror or a verifier."""
    opened = _ledger(ctx)
    opened.publish()
    size = opened.export(folder).size
    show({"folder": str(folder), "size": size}, as_json=as_json, text=f"Wrote {size} entries to {folder}.")


def _ledger(ctx: click.Context) -> Ledger:
    setup = open_setup(ctx)
    return open_home_ledger(setup.home, setup.keys)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputMissing(
            f"The {what} can't be read: {error.strerror}.", hint="Check the path.", where=str(path)
        ) from None
