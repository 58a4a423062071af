"""A Java server in a process group of its own: started, frozen, killed at will, with its log when it does not start."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from pyhive import hive
from pyhive.exc import Error as PyHiveError
from thrift.Thrift import TException

START_SECONDS = 180


def cache() -> Path:
    """Give the folder of downloads, outside the repository."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "strokemap-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class HiveServer:
    """A server that speaks the HiveServer2 protocol on a port of loopback."""

    def __init__(self, name: str, folder: Path, *, words: list[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self.folder = folder
        self.port = free_port()
        self.files = folder / "shared"
        self.files.mkdir(parents=True)
        self._words = [word.replace("{port}", str(self.port)) for word in words]
        self._environment = dict(environment)
        self._log = folder / "out.log"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "strokemap", *, files: Path | None = None, **options: object) -> str:
        """Give the address as the setting ``history_store`` has it."""
        more = "".join(f"&{name}={value}" for name, value in ({"connect": 30} | options).items())
        return f"hive://tests:secret-word@127.0.0.1:{self.port}/{database}?files={files or self.files}{more}"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers a question; one that does not fails with its log."""
        # The kernel ends the server when this process ends in whatever way.
        tied = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [*tied, *self._words],
                env=os.environ | self._environment,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                logs = "\n".join(path.read_text(errors="replace")[-6000:] for path in sorted(self.folder.glob("*.log")))
                raise RuntimeError(f"{self.name} did not start.\n{logs}")
            time.sleep(0.3)  # waiting for another process, not for a clock
        self.ask("CREATE DATABASE IF NOT EXISTS strokemap", database="default")

    def freeze(self) -> None:
        """Stop the server's clock: it keeps its connections and says nothing."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

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

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            with contextlib.suppress(TException, PyHiveError, ValueError):
                self.ask("SHOW DATABASES", database="default")
                return True
        return False
