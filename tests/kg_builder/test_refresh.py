"""A map that is kept up: only what changed is asked for, and the build is the one that a full crawl gives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.curating import Bench
from api.growing import Crawl, grow
from kg_builder import Build
from strokemap.home import open_home
from strokemap.progress import silent
from strokemap.topic import Topic
from tests.kg_builder.conftest import export_file
from tests.servers.fault_proxy import FaultProxy
from tests.servers.mediawiki import MediaWiki, Wikis

TOPIC = Topic(name="numbers", starting_terms=("Page 0",), path_length=3, judge="everything")
PAGES = {
    **{f"Page {n}": " ".join(f"See [[page {12 * n + step}]]." for step in range(1, 13)) for n in range(500)},
    "Nought": "#REDIRECT [[Page 0]]",
    "Chain": "#REDIRECT [[Nought]]",
    "Five": "#REDIRECT [[Page 5]]",
}
Grow = Callable[..., Build]


@pytest.fixture
def grow_map(tmp_path: Path) -> Grow:
    def run(source: object, home: str, *, now: datetime | None = None, **more: bool) -> Build:
        bench = Bench(home=open_home(tmp_path / home), store_url=f"sqlite:///{tmp_path / home}/map.db")
        asked = Crawl(topic=TOPIC, source=str(source), contact="tests@strokemap.example", **more)
        return grow(asked, bench=bench, now=now or datetime.now(UTC), progress=silent)

    return run


@pytest.mark.server
def test_refreshed_map_is_that_of_a_full_crawl_for_few_requests(wikis: Wikis, tmp_path: Path, grow_map: Grow) -> None:
    wiki = wikis.server(export_file(tmp_path / "wiki.xml", PAGES))
    first = grow_map(wiki.url, "kept")
    again = grow_map(wiki.url, "kept", refresh=True)
    assert again.digest == first.digest
    assert again.made.requests <= 3, "the wiki's name, its recent changes, and its main page, deleted when it was made"

    change(wiki, tmp_path)
    whole = grow_map(wiki.url, "whole")
    assert whole.digest != first.digest
    kept = grow_map(wiki.url, "kept", refresh=True)
    assert kept.digest == whole.digest
    assert kept.made.requests < whole.made.requests
    assert kept.made.pages == whole.made.pages
    titles = {term.title: term for term in kept.terms}
    assert "Zero" in titles["Page 0"].other_names
    assert "Five" not in titles["Page 5"].other_names
    assert {"Page 4 moved", "New page", "Page six hundred"} <= set(titles)
    assert "Page 3" not in titles


def change(wiki: MediaWiki, folder: Path) -> None:
    """Do to a wiki all that can happen to one."""
    wiki.maintain("edit.php", "-q", "Page 1", text="See [[Page six hundred]], [[New page]] and [[Page 4]].")
    wiki.maintain("edit.php", "-q", "New page", text="Newly written; it links to [[Page 100]].")
    wiki.maintain("edit.php", "-q", "Page six hundred", text="Before, nobody spoke of it.")
    wiki.maintain("edit.php", "-q", "Zero", text="#REDIRECT [[Nought]]")
    wiki.maintain("edit.php", "-q", "Five", text="#REDIRECT [[Page 2]]")
    wiki.maintain("moveBatch.php", str(_listed(folder / "moves", "Page 4|Page 4 moved")))
    wiki.maintain("deleteBatch.php", str(_listed(folder / "deletions", "Page 3")))
    wiki.maintain("updateSpecialPages.php", "--only=DoubleRedirects")


def _listed(path: Path, line: str) -> Path:
    path.write_text(f"{line}\n")
    return path


@pytest.mark.server
def test_wiki_that_was_read_long_ago_is_read_anew(wikis: Wikis, tmp_path: Path, grow_map: Grow) -> None:
    address = wikis.serve(export_file(tmp_path / "wiki.xml", PAGES))
    first = grow_map(address, "kept", now=datetime.now(UTC) - timedelta(days=31))
    again = grow_map(address, "kept", refresh=True)
    assert (again.digest, again.made.requests) == (first.digest, first.made.requests)


def test_newer_export_gives_the_build_of_a_full_crawl(tmp_path: Path, grow_map: Grow) -> None:
    export = export_file(tmp_path / "wiki.xml", PAGES)
    first = grow_map(export, "kept")
    again = grow_map(export, "kept", refresh=True)
    assert (again.digest, again.made.requests) == (first.digest, 0)
    export_file(export, PAGES | {"Page 1": "Now it speaks of [[Page 100]].", "Zero": "#REDIRECT [[Page 0]]"})
    kept, whole = grow_map(export, "kept", refresh=True), grow_map(export, "whole")
    assert kept.digest == whole.digest != first.digest


def test_refresh_of_what_was_never_crawled_is_a_crawl(tmp_path: Path, grow_map: Grow) -> None:
    export = export_file(tmp_path / "wiki.xml", PAGES)
    assert grow_map(export, "kept", refresh=True).digest == grow_map(export, "whole").digest


@pytest.mark.server
def test_page_that_spoils_every_request_for_it_fails_alone_and_is_had_when_resumed(
    wikis: Wikis, tmp_path: Path, grow_map: Grow
) -> None:
    address = wikis.serve(export_file(tmp_path / "wiki.xml", PAGES))
    whole = grow_map(address, "whole")
    with FaultProxy(behind=address, spoilt={"Page 7": "cut body", "Page 10": "503"}) as proxy:
        lacking = grow_map(proxy.address, "kept")
        assert [line.partition(":")[0] for line in lacking.made.failed] == ["Page 10", "Page 7"]
        assert {term.title for term in whole.terms} - {term.title for term in lacking.terms} >= {"Page 10", "Page 7"}
        asked = len(proxy.seen)
        proxy.spoilt = {}
        mended = grow_map(proxy.address, "kept", resume=True)
        assert len(proxy.seen) - asked < 12, "what was read is not asked for again"
    assert (mended.digest, mended.made.failed) == (whole.digest, ())
