"""Both map stores on one made-up map, side by side: seconds, rows a second, memory.

    python -m benchmarks.map_stores [--terms 100000] [--links 1500000] [--heap 512m]

Starts a Neo4j of its own (tests/servers) and uses a SQLite file of its own, both in a temporary folder. Each store is
measured in a process of its own. Writes docs/evidence/map_stores.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.evidence import Measured, write
from kg_builder.stores import open_map_store
from strokemap.progress import silent

LOOKUPS = 200


def measure(url: str, *, terms: int, links: int) -> dict[str, object]:
    """Write, read back, look terms up, publish."""
    from benchmarks.made_up import made_up_map

    build = made_up_map(terms=terms, links=links)
    rows = terms + links
    before = memory()
    store = open_map_store(url)
    write, _ = _timed(lambda: store.write(build, texts=(), progress=silent))
    read, found = _timed(lambda: store.read(build.digest))
    assert found == build
    del found
    chance = random.Random(2)
    lookups = []
    for _ in range(LOOKUPS):
        title = build.terms[chance.randrange(terms)].title
        lookups.append(_timed(lambda title=title: store.term(build.digest, title))[0])
    publish, _ = _timed(lambda: store.publish(build.digest))
    store.close()
    lookups.sort()
    return {
        "write_seconds": round(write, 1),
        "write_rows_a_second": round(rows / write),
        "read_seconds": round(read, 1),
        "read_rows_a_second": round(rows / read),
        "term_p50_ms": round(lookups[LOOKUPS // 2] * 1000, 1),
        "term_p99_ms": round(lookups[LOOKUPS * 99 // 100] * 1000, 1),
        "publish_ms": round(publish * 1000, 1),
        "client_rss_mb_before": before,
        "client_rss_mb_peak": memory(),
    }


def _timed(call: Callable[[], object]) -> tuple[float, object]:
    started = time.monotonic()
    result = call()
    return time.monotonic() - started, result


def memory(kind: str = "VmHWM") -> int:
    """Give the greatest memory of this process so far in MB, or with ``VmRSS`` what it has now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(kind)) // 1024


def _in_a_process(url: str, *, terms: int, links: int) -> dict[str, object]:
    words = [sys.executable, "-m", "benchmarks.map_stores", "--url", url, f"--terms={terms}", f"--links={links}"]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--terms", type=int, default=100_000)
    parser.add_argument("--links", type=int, default=1_500_000)
    parser.add_argument("--heap", default="512m", help="of the Neo4j server")
    parser.add_argument("--url", help="measure only the store there")
    given = parser.parse_args()
    if given.url:
        print(json.dumps(measure(given.url, terms=given.terms, links=given.links)))
        return
    from tests.servers.neo4j import VERSION, Neo4jProcess

    sizes = {"terms": given.terms, "links": given.links}
    with tempfile.TemporaryDirectory() as folder:
        embedded = _in_a_process(f"sqlite:///{folder}/map.db", **sizes)
        embedded["file_mb"] = os.path.getsize(f"{folder}/map.db") // 1_000_000
        measured = Neo4jProcess(Path(folder) / "neo4j", heap=given.heap, pagecache="256m", brief=False)
        with measured.running() as server:
            neo4j = _in_a_process(server.url, **sizes)
            neo4j["server_rss_mb_peak"] = server.memory_mb
            neo4j["server"] = f"Neo4j Community {VERSION}, heap {given.heap}"
    write("map_stores", {**sizes, "sqlite": embedded, "neo4j": neo4j}, command="python -m benchmarks.map_stores")
    print(_table(embedded, neo4j))


def _table(embedded: Measured, neo4j: Measured) -> str:
    """Give the rows of the table in docs/how-to-neo4j.md."""

    def row(label: str, text: str, more: str = "") -> str:
        return f"| {label} | {text.format(**embedded)} | {text.format(**neo4j)}{more} |"

    server = f", and {neo4j['server_rss_mb_peak']:,} MB in the server"
    return "\n".join(
        [
            row("write", "{write_seconds:.0f} s, {write_rows_a_second:,} rows a second"),
            row("read back", "{read_seconds:.0f} s, {read_rows_a_second:,} rows a second"),
            row("one term with its links, half of the calls · 99 of 100", "{term_p50_ms} ms · {term_p99_ms} ms"),
            row("greatest memory", "{client_rss_mb_peak:,} MB", server),
            f"\nThe map itself takes {embedded['client_rss_mb_before']:,} MB of the memory on our side.",
        ]
    )


if __name__ == "__main__":
    main()
