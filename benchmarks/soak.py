"""The main job on real data, measured: times, memory, and what the evaluations print.

    make soak        (or alone: python -m benchmarks.soak acquisition)

Writes one file a subject to docs/evidence/, each with command, commit, date and machine. Takes the data from the folder
that STROKEMAP_TEST_DATA names.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import acquisition
from benchmarks.evidence import Home, Measured, write
from benchmarks.retrieval import measure_retrieval

KILLS = 100


def measure_map(home: Home, data: Path) -> None:
    """Crawl the medical extract, publish, evaluate."""
    wiki = data / "wiki"
    topic, labels = wiki / "topic-eval.toml", wiki / "labels-dev.tsv"
    crawled = home.run("crawl", "--topic", topic, "--source", wiki / "wiki-medical.xml.bz2", "--publish")
    evaluated = {
        label: home.run("evaluate", "map", "--topic", topic, "--labels", labels, "--label", label)["answer"]
        for label in ("near", "medical")
    }
    write("map", {"crawl": crawled, "evaluate": evaluated})


def measure_kills(folder: Path, data: Path) -> None:
    """Kill a crawl at random moments and resume: the build must be the one of a crawl left alone."""
    wiki = data / "wiki"
    crawl = ("crawl", "--topic", wiki / "topic-eval.toml", "--source", wiki / "wiki-medical.xml.bz2")
    whole = Home(folder, "whole").run(*crawl)
    longest = float(str(whole["seconds"]))
    chance, killed, digests = random.Random(1), 0, set()
    home = Home(folder, "killed")
    while killed < KILLS:
        process = home.start(*crawl, "--resume")
        try:
            out, _ = process.communicate(timeout=chance.uniform(0.2, longest / 2))
            digests.add(json.loads(out)["digest"])
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
    answer = home.run(*crawl, "--resume")["answer"]
    digests.add(answer["digest"])  # type: ignore[index]
    expected = whole["answer"]["digest"]  # type: ignore[index]
    write("kills", {"kills": killed, "digests": sorted(digests), "expected": expected, "same": digests == {expected}})


def measure_histories(home: Home, data: Path) -> None:
    """Acquire all extracts, twice each, and make the profiles."""
    patients = data / "patients"
    measured: Measured = {}
    extracts = {
        "ist": ("ist", "ist.csv.gz"),
        "synthea_a": ("synthea", "synthea-a"),
        "synthea_b": ("synthea", "synthea-b"),
    }
    for name, (format_, path) in extracts.items():
        sync = ("histories", "sync", "--institution", name, "--format", format_, patients / path)
        measured[name], measured[f"{name} again"] = home.run(*sync), home.run(*sync)
    measured["profiles"] = home.run("histories", "profiles")
    write("histories", measured)


def measure_acquisition(folder: Path, data: Path) -> None:
    """Shake acquisition: 200 kills on each engine, full disks; and how fast it is beside a bare copy of the files."""
    from tests.servers.hive import hive_in

    (folder / "fast").mkdir()
    extract = acquisition.make_extracts(folder / "disk-extracts", seed=0)[0]
    measured: Measured = {"kills": acquisition.measure_kills(folder / "shaken", kills=200, rounds=40)}
    with hive_in(folder / "hive").running() as hive:
        measured["kills on Hive"] = acquisition.measure_kills(folder / "on-hive", kills=200, rounds=10, hive=hive)
    measured |= {
        "full disk": acquisition.measure_full_disk(folder / "disks", extract=extract),
        "throughput": acquisition.measure_throughput(folder / "fast", data=data / "patients"),
    }
    write("acquisition", measured)


def main() -> None:
    """Measure everything, one subject after the other, or those that are named."""
    data = Path(os.environ.get("STROKEMAP_TEST_DATA") or "nowhere")
    if not data.is_dir():
        raise SystemExit("Name the folder of the data in STROKEMAP_TEST_DATA (docs/data.md).")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = Home(folder)
        subjects: dict[str, Callable[[], None]] = {
            "map": lambda: measure_map(home, data),
            "retrieval": lambda: measure_retrieval(data),
            "histories": lambda: measure_histories(home, data),
            "kills": lambda: measure_kills(folder, data),
            "acquisition": lambda: measure_acquisition(folder, data),
        }
        for subject in sys.argv[1:] or subjects:
            subjects[subject]()


if __name__ == "__main__":
    main()
