"""What ``make servers`` starts for a person is gone when they are done."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.server
@pytest.mark.slow
def test_ctrl_c_stops_every_server_that_was_shown() -> None:
    words = [sys.executable, "-m", "tests.servers"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        shown = []
        for line in process.stdout:
            shown.append(line)
            if line.startswith("Ctrl-C"):
                running = [int(found) for found in re.findall(r", process (\d+):", "".join(shown))]
                assert all(Path(f"/proc/{pid}").exists() for pid in running)
                process.send_signal(signal.SIGINT)
        problem = process.stderr.read()
    assert (process.returncode, problem) == (0, ""), problem
    names = re.findall(r"^(\S[^,]*), process", "".join(shown), flags=re.MULTILINE)
    assert names == ["MediaWiki", "Neo4j", "HiveServer2", "Spark Thrift Server"]
    settings = re.findall(r"^  (STROKEMAP_[A-Z_]+)=", "".join(shown), flags=re.MULTILINE)
    assert settings == ["STROKEMAP_CONTACT", "STROKEMAP_MAP_STORE", *["STROKEMAP_HISTORY_STORE"] * 2]
    assert not [pid for pid in running if Path(f"/proc/{pid}").exists()]
