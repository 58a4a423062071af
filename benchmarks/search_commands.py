"""How long the command line takes from start to end, on the medical map with the health articles (docs/data.md)."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.evidence import Home, Measured

RUNS = 9
QUERY = "trouble speaking after a stroke"
_WARM_UP = 1


def medical_home(folder: Path, data: Path) -> Path:
    """Make a home with the map of topic-eval.toml and the health articles, both indexed; give its folder."""
    made = folder / "medical"
    if not (made / "done").exists():
        home = Home(folder, made.name)
        wiki = data / "wiki"
        home.run("articles", "import", data / "articles" / "health-articles.jsonl.gz")
        home.run("crawl", "--topic", wiki / "topic-eval.toml", "--source", wiki / "wiki-medical.xml.bz2", "--publish")
        (made / "done").touch()
    return made


def demonstration_home(folder: Path) -> Path:
    """Make the home that ``strokemap demo --once`` makes; give its folder."""
    made = folder / "demonstration"
    if not (made / "done").exists():
        Home(folder, made.name).run("demo", "--once")
        (made / "done").touch()
    return made


def measure_commands(folder: Path, data: Path) -> Measured:
    """Time the help and a search, each several times in a process of its own."""
    command = str(Path(sys.executable).with_name("strokemap"))
    home = medical_home(folder, data)
    environment = os.environ | {"STROKEMAP_KEYS": str(folder / "keys")}
    return {
        "help": _time([command, "--help"], environment),
        "search": _time([command, "--home", str(home), "search", QUERY], environment),
    }


def _time(words: list[str], environment: dict[str, str]) -> Measured:
    walls, works = [], []
    for _ in range(_WARM_UP + RUNS):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, check=True)
        walls.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        works.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    middle = {"wall": walls, "cpu": works}
    return {f"{name}_seconds": round(statistics.median(taken[_WARM_UP:]), 3) for name, taken in middle.items()}
