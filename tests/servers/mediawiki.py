"""Real MediaWikis on loopback, each loaded with one XML export.

A loaded wiki is kept in the person's cache folder, named by the digest of all that made it; each session serves copies.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.servers.install import MEDIAWIKI, install, version

CODE = Path("/usr/share/mediawiki")
SHIM = Path(__file__).with_name("shim.php")
READY = 60
WEEKS_UNUSED = 2


class Wikis:
    """The wikis of one session. A server that can't be started fails the test with its log."""

    def __init__(self, folder: Path, *, cache: Path) -> None:
        self._folder = folder
        self._cache = cache
        self._served: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}

    def serve(self, export: Path) -> str:
        """Serve a wiki with the pages of an export, and give the address of its api.php. Tests must not change it."""
        key = self._key(export)
        if key not in self._served:
            kept = self._cache / f"mediawiki-{key}"
            if not kept.exists():
                self._make(kept, export)
                self._forget_old()
            os.utime(kept)
            self._served[key] = self._start(Path(shutil.copytree(kept, self._folder / key)))
        return self._served[key][0]

    def folder(self, export: Path) -> Path:
        """Give the folder of a served wiki: a number in its file ``lag`` makes it lag."""
        return self._folder / self._key(export)

    def stop(self) -> None:
        """End all servers with everything that they started."""
        for _, process in self._served.values():
            end_group(process)

    def _key(self, export: Path) -> str:
        parts = [
            SHIM.read_bytes(),
            Path(__file__).read_bytes(),
            str(version("mediawiki")).encode(),
            export.read_bytes(),
        ]
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]

    def _make(self, kept: Path, export: Path) -> None:
        """Make a wiki beside its place and rename it: what lies in the cache is whole."""
        self._cache.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="making-", dir=self._cache))
        for name in ("data", "cache", "images"):
            (folder / name).mkdir()
        settings = folder / "LocalSettings.php"
        self._maintain(
            *("install.php", "--dbtype", "sqlite", "--dbpath", str(folder / "data"), "--dbname", "wiki"),
            *("--confpath", str(folder), "--server", "http://127.0.0.1:1", "--scriptpath", "", "--lang", "en"),
            *("--pass", "only-for-tests-2026", "Test wiki", "Admin"),
            log=folder / "log",
        )
        with settings.open("a") as file:
            file.write(f"\n{SHIM.read_text()}".replace("<?php", ""))
        (folder / "unwanted").write_text("Main Page\n")
        self._maintain("deleteBatch.php", str(folder / "unwanted"), log=folder / "log", settings=settings)
        self._maintain("importDump.php", "--no-updates", "-q", str(export), log=folder / "log", settings=settings)
        with suppress(OSError):  # somebody else may have made the same meanwhile
            folder.rename(kept)
        shutil.rmtree(folder, ignore_errors=True)

    def _forget_old(self) -> None:
        """Delete the wikis that were made of other exports or by other code, and not served for weeks."""
        for folder in self._cache.glob("mediawiki-*"):
            if time.time() - folder.stat().st_mtime > WEEKS_UNUSED * 7 * 86400:
                shutil.rmtree(folder, ignore_errors=True)

    def _maintain(self, script: str, *arguments: str, log: Path, settings: Path | None = None) -> None:
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        if settings:
            environment["MW_CONFIG_FILE"] = str(settings)
        with log.open("ab") as out:
            command = ["php", str(CODE / "maintenance" / script), *arguments]
            quiet = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": out}
            done = subprocess.run(command, check=False, env=environment, **quiet)  # type: ignore[call-overload]
        assert done.returncode == 0, f"{script} failed:\n{log.read_text(errors='replace')[-3000:]}"

    def _start(self, folder: Path) -> tuple[str, subprocess.Popen[bytes]]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {"PATH": os.environ["PATH"], "MW_PORT": str(port)}
        environment["MW_CONFIG_FILE"] = str(folder / "LocalSettings.php")
        log = folder / "server.log"
        with log.open("wb") as out:
            # setpriv: where the tests are killed, the server goes with them.
            command = ["setpriv", "--pdeathsig", "KILL"]
            command += ["php", "-d", "zlib.output_compression=On", "-S", f"127.0.0.1:{port}", "-t", str(CODE)]
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        address = f"http://127.0.0.1:{port}/api.php"
        deadline = time.monotonic() + READY
        while not _answers(f"{address}?action=query&meta=siteinfo&format=json"):
            if process.poll() is not None or time.monotonic() > deadline:
                end_group(process)
                pytest.fail(f"MediaWiki did not start:\n{log.read_text(errors='replace')[-3000:]}", pytrace=False)
            time.sleep(0.05)  # waiting for another process, not for a clock
        assert process.poll() is None, "another server had taken the port"
        return address, process


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=30) as response:
            return b'"sitename"' in response.read()
    except OSError:
        return False


@pytest.fixture(scope="session")
def wikis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wikis]:
    """Real MediaWikis: ``wikis.serve(export)`` gives an address."""
    install(MEDIAWIKI)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "strokemap-tests"
    wikis = Wikis(tmp_path_factory.mktemp("wikis"), cache=cache)
    yield wikis
    wikis.stop()
