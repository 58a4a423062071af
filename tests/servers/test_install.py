"""What is missing is said loudly, never skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.install import MEDIAWIKI, install, version
from tests.servers.process import ServerProcess


def test_machine_without_apt_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert version("mediawiki") is None
    with pytest.raises(RuntimeError, match="Install these Debian packages first: php-cgi mediawiki"):
        install(MEDIAWIKI)


class Unable(ServerProcess):
    """A server that says why it can't start."""

    def words(self) -> list[str]:
        return ["sh", "-c", "echo the disk is full; exit 1"]

    def answers(self) -> bool:
        return False


def test_server_that_cannot_start_fails_with_its_log(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match=r"(?s)Unable did not start.*the disk is full"),
        Unable("Unable", tmp_path).running(),
    ):
        pass
