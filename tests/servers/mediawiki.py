"""Real MediaWikis on loopback, each loaded with one XML export.

A loaded wiki is kept in the person's cache folder, named by the digest of all that made it; each session serves copies.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.servers.install import MEDIAWIKI, install, version
from tests.servers.process import ServerProcess, cache

CODE = Path("/usr/share/mediawiki")
SHIM = Path(__file__).with_name("shim.php")
WEEKS_UNUSED = 2


class Wikis:
    """The wikis of one session. A server that can't be started fails the test with its log."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache = cache()
        self._served: dict[str, MediaWiki] = {}
        install(MEDIAWIKI)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._served.values():
            server.kill()

    def serve(self, export: Path) -> str:
        """Serve a wiki with the pages of an export, and give the address of its api.php. Tests must not change it."""
        return self.server(export).url

    def server(self, export: Path) -> MediaWiki:
        """Serve such a wiki, and give its server."""
        key = self._key(export)
        if key not in self._served:
            kept = self._cache / f"mediawiki-{key}"
            if not kept.exists():
                self._make(kept, export)
                self._forget_old()
            os.utime(kept)
            server = MediaWiki(Path(shutil.copytree(kept, self._folder / key)))
            server.start()
            self._served[key] = server
        return self._served[key]

    def folder(self, export: Path) -> Path:
        """Give the folder of a served wiki: a number in its file ``lag`` makes it lag."""
        return self._folder / self._key(export)

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
        folder = Path(tempfile.mkdtemp(prefix="making-", dir=self._cache))
        for name in ("data", "cache", "images"):
            (folder / name).mkdir()
        settings = folder / "LocalSettings.php"
        _maintain(
            *("install.php", "--dbtype", "sqlite", "--dbpath", str(folder / "data"), "--dbname", "wiki"),
            *("--confpath", str(folder), "--server", "http://127.0.0.1:1", "--scriptpath", "", "--lang", "en"),
            *("--pass", "only-for-tests-2026", "Test wiki", "Admin"),
            log=folder / "log",
        )
        with settings.open("a") as file:
            file.write(f"\n{SHIM.read_text()}".replace("<?php", ""))
        (folder / "unwanted").write_text("Main Page\n")
        _maintain("deleteBatch.php", str(folder / "unwanted"), log=folder / "log", settings=settings)
        _maintain("importDump.php", "--no-updates", "-q", str(export), log=folder / "log", settings=settings)
        with suppress(OSError):  # somebody else may have made the same meanwhile
            folder.rename(kept)
        shutil.rmtree(folder, ignore_errors=True)

    def _forget_old(self) -> None:
        """Delete the wikis that were made of other exports or by other code, and not served for weeks."""
        for folder in self._cache.glob("mediawiki-*"):
            if time.time() - folder.stat().st_mtime > WEEKS_UNUSED * 7 * 86400:
                shutil.rmtree(folder, ignore_errors=True)


def _maintain(script: str, *arguments: str, log: Path, settings: Path | None = None, text: str = "") -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    if settings:
        environment["MW_CONFIG_FILE"] = str(settings)
    with log.open("ab") as out:
        command = ["php", str(CODE / "maintenance" / script), *arguments]
        done = subprocess.run(command, check=False, env=environment, input=text.encode(), stdout=out, stderr=out)
    assert done.returncode == 0, f"{script} failed:\n{log.read_text(errors='replace')[-3000:]}"


class MediaWiki(ServerProcess):
    """PHP's own web server over one wiki."""

    def __init__(self, folder: Path) -> None:
        super().__init__("MediaWiki", folder)

    @property
    def url(self) -> str:
        """Give the address of its api.php."""
        return f"http://127.0.0.1:{self.port}/api.php"

    def maintain(self, script: str, *arguments: str, text: str = "") -> None:
        """Run one of MediaWiki's own maintenance scripts on this wiki: the ways to change it."""
        _maintain(script, *arguments, log=self.folder / "log", settings=self.folder / "LocalSettings.php", text=text)

    def words(self) -> list[str]:
        return ["php", "-d", "zlib.output_compression=On", "-S", f"127.0.0.1:{self.port}", "-t", str(CODE)]

    def environment(self) -> dict[str, str]:
        configuration = str(self.folder / "LocalSettings.php")
        return {"PATH": os.environ["PATH"], "MW_PORT": str(self.port), "MW_CONFIG_FILE": configuration}

    def answers(self) -> bool:
        with (
            suppress(OSError),
            urllib.request.urlopen(f"{self.url}?action=query&meta=siteinfo", timeout=30) as response,
        ):
            return b"sitename" in response.read()
        return False
