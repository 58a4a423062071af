"""A server in a process group of its own: started, frozen, killed at will, with its logs when it does not start."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

START_SECONDS = 180
GIVEN_UP = 30.0
"""Seconds after which a wait was ended by a limit of ours, however busy the machine: other limits are longer, or none.

That the limits are under 5 s is held by their values (test_bad_addresses.py), and measured by benchmarks/servers.py.
"""


def cache() -> Path:
    """Give the folder of downloads, outside the repository."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "strokemap-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class ServerProcess(ABC):
    """One server with its own folder and a port of loopback; nothing is left of it but the folder."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def words(self) -> list[str]:
        """Give the command that runs the server."""

    @abstractmethod
    def answers(self) -> bool:
        """Ask the server, whose port is open, something that it answers once it is up."""

    def environment(self) -> Mapping[str, str]:
        """Give the variables that the server runs with."""
        return os.environ

    @property
    def pid(self) -> int:
        """Give the number of the server's process."""
        assert self._process, f"{self.name} does not run"
        return self._process.pid

    @property
    def memory_mb(self) -> int:
        """Give the most megabytes that the server has held in memory."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024

    def start(self) -> None:
        """Start the server and wait until it answers; one that does not fails with its logs."""
        # The kernel ends the server when the thread that started it ends in whatever way.
        tied = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with open(self.folder / "out.log", "ab") as log:
            self._process = subprocess.Popen(
                [*tied, *self.words()],
                env=self.environment(),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                process_group=0,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._listens() or not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                logs = "\n".join(path.read_text(errors="replace")[-6000:] for path in sorted(self.folder.glob("*.log")))
                raise RuntimeError(f"{self.name} did not start.\n{logs}")
            time.sleep(0.1)  # waiting for another process, not for a clock
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} has ended, and another server answers on its port {self.port}.")

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the server's clock meanwhile: it keeps its connections and says nothing."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def freeze(self) -> None:
        """Stop the server's clock, and come back when each of its threads stands still."""
        os.killpg(self.pid, signal.SIGSTOP)
        # The signal is only sent: on a busy machine a thread may answer once more after it.
        while any(_state(task) not in "TtZX" for task in Path(f"/proc/{self.pid}/task").iterdir()):
            time.sleep(0.01)

    def thaw(self) -> None:
        """Let it go on."""
        if self._process:
            os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End the server at once, as a power cut would; what was durable stays."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Start the server, and end it however this is left."""
        try:
            self.start()
            yield self
        finally:
            self.kill()

    def _listens(self) -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False


def _state(task: Path) -> str:
    """Give the state of a thread (proc(5)), dead for one that has ended."""
    with contextlib.suppress(OSError):
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    return "X"
