"""What benchmarks share: commands of ours in a home of their own, and the files that keep what was measured."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent
EVIDENCE = ROOT / "docs" / "evidence"
COMMAND = "make soak"

Measured = dict[str, object]


class Home:
    """A home in a temporary folder, and the command line upon it."""

    def __init__(self, folder: Path, name: str = "home", **settings: str) -> None:
        self._words = [sys.executable, "-m", "api.cli.main", "--home", str(folder / name)]
        kept = {key: value for key, value in os.environ.items() if not key.startswith("STROKEMAP_")}
        given = {f"STROKEMAP_{name.upper()}": value for name, value in settings.items()}
        self._environment = kept | {"STROKEMAP_KEYS": str(folder / "keys")} | given

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        words = [*self._words, *map(str, arguments), "--json"]
        return subprocess.Popen(
            words, cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: object) -> Measured:
        """Run a command to its end; its JSON, with seconds and the greatest memory of any child so far."""
        started = time.monotonic()
        process = self.start(*arguments)
        out, err = process.communicate()
        if process.returncode:
            raise SystemExit(f"{arguments}: {err}")
        seconds = round(time.monotonic() - started, 1)
        print(f"{seconds:7.1f} s  strokemap {' '.join(Path(str(word)).name for word in arguments)}", flush=True)
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        return {"seconds": seconds, "greatest_rss_mb_so_far": memory, "answer": json.loads(out)}


def commit() -> str:
    """Give the commit that is checked out."""
    words = ["git", "rev-parse", "HEAD"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def write(subject: str, measured: Measured, *, command: str = COMMAND) -> None:
    """Keep a result as evidence."""
    record = {
        "command": command,
        "commit": commit(),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"cores": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        **measured,
    }
    EVIDENCE.mkdir(parents=True, exist_ok=True)
    (EVIDENCE / f"{subject}.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
