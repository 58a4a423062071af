"""Where a HiveServer2 listens, who logs in, and how long anyone waits: read from ``hive://…``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from strokemap.errors import HistoryStoreUnsupported

_DATABASE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_NUMBERS = {"connect": 4, "read": 60, "deadline": 900, "connections": 4}
_OPTIONS = ("files", "location", "auth", *_NUMBERS)
_SHAPE = "hive://USER:PASSWORD@HOST:PORT/DATABASE?files=/SHARED/FOLDER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """All that a ``hive://…`` says. The password is in no representation."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    sasl: bool
    files: Path
    """The shared folder as this process sees it."""
    location: str
    """The same folder as the engine sees it."""
    connect: int
    """Seconds for connection and login."""
    read: int
    """Seconds for each answer of the server."""
    deadline: int
    """Seconds for a whole statement."""
    connections: int

    @property
    def where(self) -> str:
        """Name the server without the user."""
        return f"hive://{self.host}:{self.port}/{self.database}"


def parse_address(url: str) -> Address:
    """Read a ``hive://…``. Errors: HistoryStoreUnsupported, which repeats neither user nor password."""
    try:
        parts = urlsplit(url)
        port, host = parts.port or 10000, parts.hostname
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), errors="strict")
        user, password = (unquote(text or "", errors="strict") for text in (parts.username, parts.password))
    except ValueError:
        raise _unsupported("It can't be read", f"Write {_SHAPE}; other signs in a password as %40 and so on.") from None
    options = dict(pairs)
    if parts.scheme != "hive" or not host or not options.get("files", "").startswith("/") or parts.fragment:
        raise _unsupported("It lacks a host or the shared folder", f"Write {_SHAPE}.")
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown or len(pairs) != len(options):
        raise _unsupported("It has an unknown or repeated option", f"Known options: {', '.join(_OPTIONS)}.")
    database = parts.path.strip("/") or "default"
    if not _DATABASE.fullmatch(database):
        raise _unsupported("The name of the database is not usable", "Use small letters, digits and underscores.")
    if options.get("auth", "plain") not in ("plain", "nosasl"):
        raise _unsupported("The kind of login is unknown", "auth is plain or nosasl.")
    if "\0" in user + password + options["files"]:
        raise _unsupported("It holds a NUL", f"Write {_SHAPE}.")
    files = Path(options["files"])
    return Address(
        host=host,
        port=port,
        user=user or "strokemap",
        # SASL PLAIN wants one, even where the server looks at none.
        password=password or "-",
        database=database,
        sasl=options.get("auth", "plain") == "plain",
        files=files,
        location=(options.get("location") or f"file://{files}").rstrip("/"),
        **{name: _seconds(name, options) for name in _NUMBERS},
    )


def _seconds(name: str, options: Mapping[str, str]) -> int:
    text = options.get(name, str(_NUMBERS[name]))
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text):
        raise _unsupported(f"“{name}” is not a whole number", "Give seconds, or the number of connections, from 1 on.")
    return int(text)


def _unsupported(problem: str, hint: str) -> HistoryStoreUnsupported:
    return HistoryStoreUnsupported(
        f"The address of the history store can't be used. {problem}.", hint=hint, where="history_store"
    )
