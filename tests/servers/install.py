"""Installs and fetches what the servers of the tests come from: ``python -m tests.servers.install``.

Nothing that is installed listens by itself: of what MediaWiki's package wants as web server, the smallest are named.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.servers.process import cache

# php-cgi goes first: apt would otherwise meet MediaWiki's wish for a web server's PHP with Apache.
MEDIAWIKI = ("php-cgi", "mediawiki", "php-cli", "micro-httpd", "php-sqlite3", "php-bz2")


JAVA = {"java": "openjdk-17-jre-headless", "mvn": "maven"}
"""Commands that servers on the Java machine need, and where they come from when no other way brought them."""


def install_java() -> None:
    """Install Java and Maven where their commands are missing."""
    install(_java())


def _java() -> tuple[str, ...]:
    return tuple(package for command, package in JAVA.items() if shutil.which(command) is None)


def fetched(name: str, make: Callable[[Path], None]) -> Path:
    """Give a folder of the cache; the first time, ``make`` fills it, and whoever comes meanwhile waits."""
    folder = cache() / name
    with open(cache() / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=cache()) as work:
                made = Path(work, "made")
                made.mkdir()
                make(made)
                os.rename(made, folder)
    return folder


def maven(folder: Path, *words: str) -> None:
    """Run Maven on the pom.xml of a folder."""
    install_java()
    done = subprocess.run(["mvn", "-q", "-B", *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"Maven failed.\n{done.stdout[-3000:]}{done.stderr[-1000:]}")


def version(package: str) -> str | None:
    """Give the version of an installed Debian package, or None."""
    if shutil.which("dpkg-query") is None:
        return None
    asked = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Version}", package]
    status, _, number = subprocess.run(asked, check=False, capture_output=True, text=True).stdout.partition(" ")
    return number if status == "installed" else None


def install(packages: tuple[str, ...]) -> None:
    """Install what is missing, as root or with sudo; where neither works, say what to install."""
    with open(cache() / "apt.lock", "w") as lock:
        # Apt waits for the lock of dpkg, but not for that of its lists.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if missing := [package for package in packages if version(package) is None]:
            _install(missing)


def _install(missing: list[str]) -> None:
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if "micro-httpd" in missing and Path("/run/systemd/system").exists():
        # Its socket would listen on port 80 of every address.
        subprocess.run([*as_root, "systemctl", "mask", "micro-httpd.socket"], check=False, capture_output=True)
    apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"]
    apt += ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
    said = ""
    # An update that fails in part may have brought what is needed: the installation decides.
    for step in ([*apt, "update"], [*apt, "install", "--yes", "--no-install-recommends", *missing]):
        try:
            done = subprocess.run(step, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        except OSError as error:
            raise RuntimeError(f"Install these Debian packages first: {' '.join(missing)} ({error}).") from None
        said += done.stdout[-2000:]
    if done.returncode:
        raise RuntimeError(f"Install these Debian packages first: {' '.join(missing)}.\n{said}")


def main() -> None:
    """Install and fetch all that any server needs, so that the tests begin with everything there."""
    from tests.servers import hive, neo4j, spark

    install((*MEDIAWIKI, *_java()))
    for fetch in (neo4j.jars, hive.home, spark.home):
        sys.stdout.write(f"{fetch()}\n")


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
