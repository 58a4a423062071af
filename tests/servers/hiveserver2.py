"""A server that speaks HiveServer2's protocol: Hive or Spark."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from pyhive import hive
from pyhive.exc import Error as PyHiveError
from thrift.Thrift import TException

from tests.servers.process import ServerProcess

SMALL = ("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Java's options for many short statements: half the processor time of the defaults, and less memory."""
LARGE = ("-Xmx6g", "-XX:+UseSerialGC")
"""Java's options for statements of minutes, which the slower compiler makes up for."""


class HiveServer(ServerProcess):
    """A server of histories with the database ``strokemap`` and a folder shared with it."""

    def __init__(self, name: str, folder: Path, *, words: list[str], environment: Mapping[str, str]) -> None:
        super().__init__(name, folder)
        self.files = folder / "shared"
        self.files.mkdir(parents=True)
        self._words = [word.replace("{port}", str(self.port)) for word in words]
        self._environment = dict(environment)

    def url(self, database: str = "strokemap", *, files: Path | None = None, **options: object) -> str:
        """Give the address as the setting ``history_store`` has it."""
        more = "".join(f"&{name}={value}" for name, value in ({"connect": 30} | options).items())
        return f"hive://tests:secret-word@127.0.0.1:{self.port}/{database}?files={files or self.files}{more}"

    def words(self) -> list[str]:
        return self._words

    def environment(self) -> Mapping[str, str]:
        return os.environ | self._environment

    def start(self) -> None:
        super().start()
        self.ask("CREATE DATABASE IF NOT EXISTS strokemap", database="default")

    def ask(self, *statements: str, database: str = "strokemap") -> list[tuple[object, ...]]:
        """Run statements as somebody with another client would, and give the last one's rows."""
        rows: list[tuple[object, ...]] = []
        with contextlib.closing(hive.connect("127.0.0.1", port=self.port, username="tests", database=database)) as link:
            for statement in statements:
                cursor = link.cursor()
                cursor.execute(statement)
                rows = cursor.fetchall() if cursor.description else []
                cursor.close()
        return rows

    def answers(self) -> bool:
        with contextlib.suppress(TException, PyHiveError, ValueError):
            self.ask("SHOW DATABASES", database="default")
            return True
        return False
