"""What is missing is said loudly, never skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.install import MEDIAWIKI, install, version


def test_machine_without_apt_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert version("mediawiki") is None
    with pytest.raises(RuntimeError, match="Install these Debian packages first: php-cgi mediawiki"):
        install(MEDIAWIKI)
