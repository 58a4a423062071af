"""state.db: sessions of the screens and the actors' tokens of the day, one small SQLite file."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from api.access import Caller
from api.tokens import LIFETIME
from strokemap.errors import FormatUnknown, TokenInvalid

RandomBytes = Callable[[int], bytes]
_SCHEMA = 1


class State:
    """Sessions and actors. A session's id lies here only as a hash, so a stolen file opens nobody's session."""

    def __init__(self, path: Path, *, key: bytes) -> None:
        self._path, self._key = path, key
        with self._open() as connection:
            _migrate(connection, path)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=5, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()

    def start_session(self, caller: Caller, *, now: datetime, random_bytes: RandomBytes) -> str:
        """Begin a session and give the secret for the cookie; old sessions are swept."""
        secret = random_bytes(32).hex()
        row = (_digest(secret), json.dumps([caller.role, caller.subject, caller.institution]), now.timestamp())
        with self._open() as connection:
            connection.execute("DELETE FROM sessions WHERE started < ?", ((now - LIFETIME).timestamp(),))
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?)", row)
        return secret

    def session(self, secret: str, *, now: datetime) -> Caller:
        """Give the caller of a session. Errors: TokenInvalid when it ended or never was."""
        with self._open() as connection:
            row = connection.execute(
                "SELECT caller FROM sessions WHERE id = ? AND started >= ?",
                (_digest(secret), (now - LIFETIME).timestamp()),
            ).fetchone()
        if row is None:
            raise TokenInvalid("You are not signed in, or no longer.", hint="Sign in again.")
        role, subject, institution = json.loads(row[0])
        return Caller(role=role, subject=subject, institution=institution)

    def end_session(self, secret: str) -> None:
        """Forget a session."""
        with self._open() as connection:
            connection.execute("DELETE FROM sessions WHERE id = ?", (_digest(secret),))

    def actor(self, caller: Caller, *, now: datetime, random_bytes: RandomBytes) -> str:
        """Give the random token under which this caller stands on the ledger today; another one tomorrow.

        Random and not derived from the person, so that nobody can compute it from a name. Yesterday's are deleted.
        """
        day = now.date().isoformat()
        text = json.dumps([caller.role, caller.subject, caller.institution])
        who = hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
        with self._open() as connection:
            connection.execute("DELETE FROM actors WHERE day < ?", (day,))
            connection.execute("INSERT OR IGNORE INTO actors VALUES (?, ?, ?)", (day, who, random_bytes(16).hex()))
            row = connection.execute("SELECT token FROM actors WHERE day = ? AND who = ?", (day, who)).fetchone()
        return str(row[0])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > _SCHEMA:
        raise FormatUnknown(
            f"state.db has format {version}, this version knows {_SCHEMA}.",
            hint="Use the newer version of Strokemap.",
            where=str(path),
        )
    if version < 1:
        connection.execute("CREATE TABLE sessions (id TEXT PRIMARY KEY, caller TEXT NOT NULL, started REAL NOT NULL)")
        connection.execute(
            "CREATE TABLE actors (day TEXT, who TEXT, token TEXT NOT NULL, PRIMARY KEY (day, who)) WITHOUT ROWID"
        )
        connection.execute(f"PRAGMA user_version = {_SCHEMA}")
