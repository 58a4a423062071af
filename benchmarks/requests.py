"""Requests and pages a second of our crawl, beside mwclient's own walk over ``page.links()``, on one real MediaWiki.

    STROKEMAP_TEST_DATA=DIR python -m benchmarks.requests

Both read what the same map needs: the pages of the terms, their links, and the texts of all pages linked to. The walk
does it as mwclient's documentation shows: a Page object for a title, its ``links()``, its ``text()``. The wiki is the
one that the tests install, on loopback; neither side rests between requests. Writes docs/evidence/requests.json.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import mwclient

from benchmarks.evidence import Home, Measured, write
from tests.servers.fault_proxy import FaultProxy
from tests.servers.mediawiki import Wikis


def walk(address: str, terms: list[str]) -> Measured:
    """Read the terms' pages, and every page that they link to, through mwclient alone."""
    parts = urlsplit(address)
    site = mwclient.Site(parts.netloc, path="/", scheme=parts.scheme, clients_useragent="benchmark")
    started, texts = time.monotonic(), dict[str, str]()
    for term in terms:
        page = site.pages[term]
        texts[term] = page.text()
        for linked in page.links(namespace=0):
            if linked.name not in texts:
                texts[linked.name] = linked.resolve_redirect().text() if linked.exists else ""
    return {"seconds": round(time.monotonic() - started, 1), "pages": sum(map(bool, texts.values()))}


def main() -> None:
    """Measure both, one after the other."""
    data = Path(os.environ["STROKEMAP_TEST_DATA"]) / "wiki"
    with tempfile.TemporaryDirectory() as name, Wikis(Path(name) / "wikis") as wikis:
        wiki, folder = wikis.server(data / "wiki-small.xml.bz2"), Path(name)
        wiki.maintain("refreshLinks.php")  # the wiki's own list of links, which page.links() reads
        real = wiki.url
        home = Home(folder, contact="benchmark@strokemap.example")
        with FaultProxy(behind=real) as proxy:
            topic = data / "topic-eval.toml"
            crawled = home.run("crawl", "--topic", topic, "--source", proxy.address, "--publish")
            ours = len(proxy.seen)
        home.run("export", folder / "map", "--format", "csv")
        terms = [line.split(",")[0] for line in (folder / "map" / "terms.csv").read_text().splitlines()[1:]]
        with FaultProxy(behind=real) as proxy:
            walked = walk(proxy.address, [term.strip('"') for term in terms])
            theirs = len(proxy.seen)
    write(
        "requests",
        {
            "command": "python -m benchmarks.requests",
            "wiki": "MediaWiki on loopback with wiki-small.xml.bz2",
            "terms": len(terms),
            "strokemap": {"requests": ours, "seconds": crawled["seconds"], "pages": crawled["answer"]["pages"]},
            "mwclient_links_walk": {"requests": theirs, **walked},
            "ratio_of_requests": round(theirs / ours, 1),
        },
    )


if __name__ == "__main__":
    main()
