"""What real servers need of the system, installed once by apt-get where a test finds it missing."""

from __future__ import annotations

import os
import shutil
import subprocess


def require_commands(**packages: str) -> None:
    """See to it that commands are there; ``java="openjdk-17-jre-headless"`` names a command and its Debian package."""
    missing = [package for command, package in packages.items() if shutil.which(command) is None]
    if not missing:
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        done = subprocess.run([*sudo, "apt-get", *words], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"apt-get {' '.join(words)} failed; install {missing} yourself.\n{done.stderr[-2000:]}")
