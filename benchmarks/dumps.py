"""How a crawl of a dump grows: seconds and memory at 10 thousand, 100 thousand and a million made-up pages; what a map
of many terms takes; and an index made in one process beside one made on all cores.

    python -m benchmarks.dumps [PAGES …]

The pages are made up: words drawn from a small vocabulary, links drawn so that a few pages are linked often, compressed
as Wikipedia's dumps are, in many bz2 streams one after the other. Writes docs/evidence/dumps.json.
"""

from __future__ import annotations

import bz2
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.evidence import Home, Measured, write
from kg_builder.sources import pieces
from kg_builder.sources.dump import XmlExport
from strokemap.progress import silent

SIZES = (10_000, 100_000, 1_000_000)
STREAM = 100
"""Pages in one bz2 stream, as in Wikipedia's multistream dumps."""
BEGINNINGS, MIDDLES = ("stro", "neu", "vas", "mo", "le"), ("kal", "rom", "lin", "tul")
WORDS = [f"{beginning}{middle}{end}" for beginning in BEGINNINGS for middle in MIDDLES for end in ("a", "e", "o")]
TOPIC = """name = "made-up"
starting_terms = ["Page 0", "Page 1", "Page 2", "Page 3", "Page 4"]
path_length = 2
judge = "model"
"""
LARGE = TOPIC.replace("path_length = 2", "path_length = 5").replace('"model"', '"everything"')
LARGE_OF = 100_000
PAIRS = 2


def pages(count: int) -> Iterator[str]:
    """Give made-up pages; each links to ten others, the low numbers being linked most."""
    chance = random.Random(7)
    for number in range(count):
        targets = [int(count * chance.random() ** 3) for _ in range(10)]
        links = " ".join(f"The {chance.choice(WORDS)} goes with [[Page {target}]]." for target in targets)
        text = f"{links} {' '.join(chance.choices(WORDS, k=60))}. [[Category:Kind {number % 50}]]"
        yield f"<page><title>Page {number}</title><ns>0</ns><revision><text>{text}</text></revision></page>\n"


def write_dump(path: Path, count: int) -> None:
    """Write a dump of so many pages."""
    with path.open("wb") as file:
        file.write(bz2.compress(b'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11">\n'))
        waiting: list[str] = []
        for page in pages(count):
            waiting.append(page)
            if len(waiting) == STREAM:
                file.write(bz2.compress("".join(waiting).encode()))
                waiting = []
        file.write(bz2.compress("".join([*waiting, "</mediawiki>\n"]).encode()))


def measure(count: int) -> Measured:
    """Crawl a dump of so many pages."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dump, topic, large = folder / "dump.xml.bz2", folder / "topic.toml", folder / "large.toml"
        write_dump(dump, count)
        topic.write_text(TOPIC)
        large.write_text(LARGE)
        home = Home(folder)
        first, again = (home.run("crawl", "--topic", topic, "--source", dump) for _ in range(2))
        measured: Measured = {"pages_in_dump": count, "dump_mb": dump.stat().st_size // 2**20, "crawl": first}
        measured["crawl_with_its_index_there"] = again
        if dump.stat().st_size >= pieces.LEAST:
            measured["indexes"] = [index(dump, on_all_cores=one) for _ in range(PAIRS) for one in (False, True)]
        if count == LARGE_OF:
            measured["large_map"] = home.run("crawl", "--topic", large, "--source", dump)
    return measured


def index(dump: Path, *, on_all_cores: bool) -> Measured:
    """Make the index; tell the processor time of this process and of those that it started."""
    least, pieces.LEAST = pieces.LEAST, pieces.LEAST if on_all_cores else sys.maxsize
    started, before = time.monotonic(), times()
    with tempfile.TemporaryDirectory() as folder:
        XmlExport.open(dump, work=Path(folder), progress=silent).close()
    pieces.LEAST = least
    ours, others = (round(after - one, 1) for after, one in zip(times(), before, strict=True))
    seconds = round(time.monotonic() - started, 1)
    return {"on_all_cores": on_all_cores, "seconds": seconds, "cpu": ours, "cpu_of_others": others}


def times() -> list[float]:
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return [one.ru_utime + one.ru_stime for one in used]


def main() -> None:
    """Measure the sizes asked for, the smallest first: the memory told is the greatest so far."""
    sizes = sorted(map(int, sys.argv[1:])) or SIZES
    measured = [measure(size) for size in sizes]
    write("dumps", {"command": "python -m benchmarks.dumps", "made_up": True, "sizes": measured})


if __name__ == "__main__":
    main()
