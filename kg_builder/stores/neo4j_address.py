"""Where a Neo4j server is and who asks, read from one setting; the password stays out of every text that people see."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import unquote, urlsplit

from strokemap.errors import MapStoreUnsupported

SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
"""``+s`` encrypts and checks the certificate, ``+ssc`` encrypts only; ``neo4j`` asks for a cluster's members."""
DEFAULT_PORT = 7687
_DATABASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Neo4jAddress:
    """A server, who asks it, and which of its databases; ``database`` None leaves that to the server."""

    uri: str
    """Scheme, host and port: fit to be shown."""
    user: str
    password: str = field(repr=False)
    database: str | None

    @property
    def encrypted(self) -> bool:
        """Whether the connection is asked to be TLS."""
        return "+" in self.uri.partition("://")[0]


def parse_address(url: str) -> Neo4jAddress:
    """Read ``neo4j://user:password@host:port[/database]``. Errors: MapStoreUnsupported, which repeats nothing of it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        _refuse("The map store's address can't be read.")
    if parts.query or parts.fragment or any(ord(letter) <= ord(" ") for letter in url):
        _refuse("The map store's address has a part that is not known.")
    if parts.scheme not in SCHEMES or not host:
        _refuse("The map store's address names no Neo4j server.")
    if bool(parts.username) != bool(parts.password):
        _refuse("The map store's address needs a user and a password, or neither.")
    database = unquote(parts.path.removeprefix("/"))
    if database and not _DATABASE.fullmatch(database):
        _refuse("The map store's address names no database that Neo4j could have.")
    shown = f"[{host}]" if ":" in host else host
    return Neo4jAddress(
        uri=f"{parts.scheme}://{shown}:{DEFAULT_PORT if port is None else port}",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=database or None,
    )


def _refuse(message: str) -> NoReturn:
    raise MapStoreUnsupported(
        message,
        hint="Write neo4j://USER:PASSWORD@HOST:PORT/DATABASE, and each of / ? # @ : % in a password as %2F and so on.",
        where="map_store",
    )
