"""Pages from a real MediaWiki over its API: the same build as from its export, whatever happens on the way."""

from __future__ import annotations

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from kg_builder.sources import open_source
from kg_builder.sources.mediawiki import MediaWiki
from strokemap.errors import SourceContactMissing, SourceMalformed, SourceUnreachable, SourceUnsupported
from strokemap.progress import silent
from tests.servers.fault_proxy import FAULTS, FaultProxy
from tests.servers.mediawiki import Wikis

CONTACT = "tests@strokemap.example"
Start = Callable[..., "subprocess.Popen[str]"]
Run = Callable[..., dict[str, object]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crawls")


@pytest.fixture(scope="module")
def start(folder: Path) -> Start:
    """Start a crawl as a process of its own, each on a home of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STROKEMAP_")}

    def run(source: object, *options: object, home: str, contact: str = CONTACT) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "api.cli.main", "--home", str(folder / home), "crawl", "--topic", "stroke"]
        kept = environment | {"STROKEMAP_KEYS": str(folder / "keys"), "STROKEMAP_CONTACT": contact}
        return subprocess.Popen(
            [*words, "--json", "--source", str(source), *map(str, options)],
            env=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def crawl(start: Start) -> Run:
    """Crawl to the end and give what the command prints."""

    def run(source: object, *options: object, home: str) -> dict[str, object]:
        process = start(source, *options, home=home)
        out, err = process.communicate()
        assert process.returncode == 0, err
        return json.loads(out)

    return run


@pytest.fixture(scope="module")
def export(test_data: Path) -> Path:
    return test_data / "wiki" / "wiki-small.xml.bz2"


@pytest.fixture(scope="module")
def wiki(wikis: Wikis, export: Path) -> str:
    return wikis.serve(export)


@pytest.fixture(scope="module")
def from_export(crawl: Run, export: Path) -> dict[str, object]:
    return crawl(export, home="export")


on_real_pages = [pytest.mark.server, pytest.mark.data, pytest.mark.slow]


class TestCrawl:
    pytestmark = on_real_pages

    def test_gives_the_build_of_the_export_with_few_requests_one_at_a_time(
        self, crawl: Run, wiki: str, from_export: dict[str, object]
    ) -> None:
        with FaultProxy(behind=wiki) as proxy:
            found = crawl(proxy.address, home="api")
        assert found["digest"] == from_export["digest"]
        assert found["failed"] == from_export["failed"]
        assert found["requests"] == len(proxy.seen)
        assert len(proxy.seen) <= 1.1 * math.ceil(int(str(found["pages"])) / 50) + 10
        assert proxy.most_at_once == 1
        assert {one.method for one in proxy.seen} == {"GET"}
        assert all(CONTACT in one.headers["User-Agent"] and "maxlag=5" in one.path for one in proxy.seen)
        asked = [len(parse_qs(urlsplit(one.path).query).get("titles", [""])[0].split("|")) for one in proxy.seen]
        assert max(asked) == 50

    @pytest.mark.parametrize("seed", [1, 2])
    def test_through_faults_gives_the_same_build(
        self, crawl: Run, wiki: str, from_export: dict[str, object], seed: int
    ) -> None:
        with FaultProxy(behind=wiki, share=0.4, seed=seed) as proxy:
            found = crawl(proxy.address, home=f"faults {seed}")
        assert found["digest"] == from_export["digest"]
        assert found["requests"] == len(proxy.seen)
        assert len({one.fault for one in proxy.seen}) > 3

    def test_through_each_fault_alone_and_twice_in_a_row_gives_the_same_build(
        self, crawl: Run, wiki: str, from_export: dict[str, object]
    ) -> None:
        script = [step for fault in FAULTS[:5] for step in (fault, "", fault, fault)]
        script += [step for fault in FAULTS[5:] for step in (fault, fault, "")]
        with FaultProxy(behind=wiki, script=script) as proxy:
            found = crawl(proxy.address, home="each fault")
        assert found["digest"] == from_export["digest"]
        assert {one.fault for one in proxy.seen} == {"", *FAULTS}

    def test_under_lag_in_a_third_of_the_requests_gives_the_same_build(
        self, crawl: Run, wiki: str, from_export: dict[str, object]
    ) -> None:
        with FaultProxy(behind=wiki, share=0.3, faults=("maxlag",), seed=3) as proxy:
            found = crawl(proxy.address, home="lag")
        assert found["digest"] == from_export["digest"]
        assert any(one.fault for one in proxy.seen)

    def test_killed_three_times_and_resumed_gives_the_same_build(
        self, start: Start, crawl: Run, wiki: str, from_export: dict[str, object], folder: Path
    ) -> None:
        with FaultProxy(behind=wiki, delay=0.3) as proxy:
            seen = 0
            for _ in range(3):
                process = start(proxy.address, "--resume", home="killed")
                deadline = time.monotonic() + 60
                while process.poll() is None and pages_kept(folder / "killed") <= seen and time.monotonic() < deadline:
                    time.sleep(0.02)  # waiting for another process, not for a clock
                assert process.poll() is None, "it ended before it could be killed"
                process.send_signal(signal.SIGKILL)
                process.communicate()
                assert pages_kept(folder / "killed") > seen
                seen = pages_kept(folder / "killed")
            before = len(proxy.seen)
            proxy.delay = 0
            found = crawl(proxy.address, "--resume", home="killed")
        assert found["digest"] == from_export["digest"]
        assert len(proxy.seen) - before < before + 13, "what was read is not asked for again"

    def test_server_frozen_for_good_ends_in_an_error_and_goes_on_later(
        self, start: Start, crawl: Run, wiki: str, from_export: dict[str, object]
    ) -> None:
        with FaultProxy(behind=wiki, script=["", "", ""], share=1.0, faults=("503",)) as proxy:
            process = start(proxy.address, home="gone")
            out, err = process.communicate()
            assert process.returncode == 1, err
            error = json.loads(out)["error"]
            assert (error["code"], error["retryable"]) == ("map.source.unreachable", True)
            assert "Traceback" not in err
            proxy.share = 0
            found = crawl(proxy.address, "--resume", home="gone")
        assert found["digest"] == from_export["digest"]


def pages_kept(home: Path) -> int:
    """Count the pages in the crawl's checkpoint."""
    (*files,) = (home / "work" / "crawl").glob("*/frontier.sqlite")
    if not files:
        return 0
    try:
        with sqlite3.connect(f"file:{files[0]}?mode=ro", uri=True) as frontier:
            return int(frontier.execute("SELECT count(*) FROM pages").fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # not made yet


ODD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/">
<siteinfo><sitename>x</sitename><base>http://x/wiki/Main_Page</base></siteinfo>
{pages}</mediawiki>"""
PAGE = "<page><title>{title}</title><ns>{ns}</ns><revision><text>{text}</text></revision></page>"
ROWS = [
    ("Stroke", 0, "A [[brain]] is harmed."),
    ("One", 0, "#REDIRECT [[Two]]"),
    ("Two", 0, "#REDIRECT [[Three]]"),
    ("Three", 0, "#REDIRECT [[Stroke#Types]]"),
    ("Into a loop", 0, "#REDIRECT [[Loop]]"),
    ("Loop", 0, "#REDIRECT [[Pool]]"),
    ("Pool", 0, "#REDIRECT [[Loop]]"),
    ("Through a talk page", 0, "#REDIRECT [[Talk:Stroke]]"),
    ("To a category", 0, "#REDIRECT [[:Category:Stroke]]"),
    ("Category:Stroke", 14, "All about [[stroke]]."),
    ("Talk:Stroke", 1, "#REDIRECT [[Stroke]]"),
    ("Template:S", 10, "#REDIRECT [[Stroke]]"),
    ("To another wiki", 0, "#REDIRECT [[wikipedia:Stroke]]"),
    ("To a special page", 0, "#REDIRECT [[Special:Random]]"),
    ("Redirected often", 0, "Much."),
    *((f"Name {number}", 0, "#REDIRECT [[Redirected often]]") for number in range(1203)),
    ("Empty", 0, ""),
]


@pytest.fixture
def odd_export(tmp_path: Path) -> Path:
    path = tmp_path / "odd.xml"
    rows = "\n".join(PAGE.format(title=title, ns=ns, text=text) for title, ns, text in ROWS)
    path.write_text(ODD.format(pages=rows), encoding="utf-8")
    return path


@pytest.fixture
def odd(odd_export: Path, wikis: Wikis) -> Iterator[MediaWiki]:
    source = MediaWiki.open(wikis.serve(odd_export), contact=CONTACT)
    yield source
    source.close()


@pytest.mark.server
def test_odd_redirects_lead_where_the_export_says(odd: MediaWiki, odd_export: Path, tmp_path: Path) -> None:
    titles = [title for title, _, _ in ROWS if not title.startswith("Name ")]
    titles += ["de:Stroke", "Special:Random", "./x", "A~~~~b", "Media:X.jpg", "stroke", "Three"]
    exported = open_source(str(odd_export), work=tmp_path, progress=silent)
    expected = exported.fetch(titles)
    exported.close()
    assert odd.fetch(titles) == expected
    (page,) = odd.fetch(["One"]).pages
    assert page.redirects == ("One", "Three", "Two")


@pytest.mark.server
def test_other_names_come_whole_over_several_parts_of_an_answer(odd: MediaWiki) -> None:
    before = odd.requests
    (page,) = odd.fetch(["Redirected often"]).pages
    assert len(page.redirects) == 1203
    assert odd.requests - before == 3


@pytest.mark.server
def test_real_lag_is_waited_for(odd_export: Path, wikis: Wikis) -> None:
    address, lag = wikis.serve(odd_export), wikis.folder(odd_export) / "lag"
    source = MediaWiki.open(address, contact=CONTACT)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        lag.unlink(missing_ok=True)

    object.__getattribute__(source, "_wire")._pace.sleep = sleep
    lag.write_text("7.5")
    assert source.fetch(["Stroke"]).resolved == {"Stroke": "Stroke"}
    source.close()
    assert waits == [pytest.approx(5, abs=0.5)], "as long as the wiki asked for"


@pytest.mark.server
@pytest.mark.parametrize("path", ["/api.php", "/index.php?title=Stroke", "/wiki/Stroke", "/wiki/", "/", ""])
def test_address_of_api_page_or_root_will_do(odd: MediaWiki, path: str) -> None:
    source = MediaWiki.open(odd.name.removesuffix("/api.php") + path, contact=CONTACT)
    assert source.name == odd.name
    assert source.site == odd.site
    assert source.edition == ""
    source.close()


@pytest.mark.server
def test_wiki_says_its_own_name_and_address(odd: MediaWiki) -> None:
    assert odd.site.name == "Test wiki"
    assert odd.site.address == odd.name.replace("api.php", "wiki/")


@pytest.mark.parametrize("contact", ["", "  ", "me", "a@b\r\nX: y", "a@b) evil (", "ü@x.example", "a@" + "b" * 300])
def test_operators_contact_is_needed(contact: str) -> None:
    with pytest.raises(SourceContactMissing) as caught:
        MediaWiki.open("https://wiki.invalid/w/api.php", contact=contact)
    assert (caught.value.code, caught.value.exit_status) == ("map.source.contact_missing", 2)
    assert "STROKEMAP_CONTACT" in caught.value.hint


@pytest.mark.parametrize(
    ("source", "contact", "code", "status"),
    [
        ("https://wiki.invalid/w/api.php", "", "map.source.contact_missing", 2),
        ("ftp://wiki.invalid/", CONTACT, "map.source.unsupported", 2),
        ("http://127.0.0.1:1/w/api.php", CONTACT, "map.source.unreachable", 1),
        ("https://127.0.0.1:1/", CONTACT, "map.source.unreachable", 1),
    ],
)
def test_command_says_what_is_wrong_with_a_source(
    start: Start, tmp_path: Path, source: str, contact: str, code: str, status: int
) -> None:
    process = start(source, home=tmp_path.name, contact=contact)
    out, err = process.communicate()
    error = json.loads(out)["error"]
    assert (error["code"], process.returncode) == (code, status)
    assert error["hint"]
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "address",
    ["ftp://wiki.invalid/", "neo4j://x", "http://", "https:///w/api.php", "http://[::1", "http://x:99999/", "http://x:0/",
     "https://user:secret@wiki.invalid/w/api.php", "gopher://secret@x/?token=secret"],
)  # fmt: skip
def test_address_that_is_none_is_refused_without_its_secrets(address: str) -> None:
    with pytest.raises(SourceUnsupported) as caught:
        MediaWiki.open(address, contact=CONTACT)
    assert caught.value.exit_status == 2
    assert "secret" not in str(caught.value.document())


def test_question_of_an_address_is_not_kept() -> None:
    with pytest.raises(SourceUnreachable) as caught:
        MediaWiki.open("http://127.0.0.1:1/w/api.php?token=secret", contact=CONTACT)
    assert "secret" not in str(caught.value.document())


SITE = {"query": {"general": {"generator": "MediaWiki 1.45", "sitename": "W", "base": "javascript://x/wiki/Main"}}}


class ScriptedWire:
    """A wire that gives answers written down before."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.address, self.requests, self.closed = "http://x/api.php", 0, False

    def ask(self, **_: str) -> object:
        self.requests += 1
        return self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., MediaWiki]:
    def open_(*answers: object) -> MediaWiki:
        wire = ScriptedWire(*answers)
        monkeypatch.setattr("kg_builder.sources.mediawiki.Wire", lambda *_, **__: wire)
        return MediaWiki.open("http://x/api.php", contact=CONTACT)

    return open_


@pytest.mark.parametrize(
    "answer",
    [{"query": []}, {"query": {"pages": {"1": {}}}}, {"query": {"pages": [{"ns": 0}]}}, {"query": {"pages": [7]}},
     {"query": {"redirects": [{"from": "a"}]}},
     {"query": {"pages": [{"title": "Stroke", "revisions": [{"slots": 1}]}]}},
     {"continue": 1}, {"query": {}, "continue": {"rdcontinue": "1"}}],
)  # fmt: skip
def test_misshapen_and_endless_answers_are_told(scripted: Callable[..., MediaWiki], answer: object) -> None:
    source = scripted(SITE, answer)
    with pytest.raises(SourceMalformed) as caught:
        source.fetch(["Stroke"])
    assert caught.value.where == "http://x/api.php"


def test_something_else_that_speaks_json_is_no_wiki(scripted: Callable[..., MediaWiki]) -> None:
    with pytest.raises(SourceMalformed, match="no MediaWiki"):
        scripted({"query": {"general": {"generator": "Blog 2"}}})


def test_page_that_cannot_be_had_is_failed_and_the_rest_is_there(scripted: Callable[..., MediaWiki]) -> None:
    text = {"slots": {"main": {"content": "An organ."}}}
    source = scripted(
        SITE,
        {
            "query": {
                "normalized": [{"from": "Stroke", "to": "Stroke (illness)"}],
                "redirects": [{"from": "CVA", "to": "Stroke (illness)"}],
                "pages": [
                    {
                        "ns": 0,
                        "title": "Stroke (illness)",
                        "revisions": [{"slots": {"main": {"badcontentformat": True}}}],
                    },
                    {"ns": 0, "title": "Brain", "revisions": [text]},
                    {"ns": 0, "title": "Hidden", "revisions": [{"slots": {"main": {"texthidden": True}}}]},
                    {"ns": 0, "title": "Nowhere", "missing": True},
                ],
            }
        },
    )
    fetched = source.fetch(["Stroke", "CVA", "Brain", "Hidden", "Nowhere", "Forgotten"])
    assert [page.title for page in fetched.pages] == ["Brain", "Hidden"]
    no_text = "the wiki does not give its text"
    assert fetched.failed == {"Stroke": no_text, "CVA": no_text, "Forgotten": "the wiki's answer leaves it out"}
    assert fetched.resolved["Nowhere"] is None
    assert source.site.address == "", "an address that no browser should follow is not taken over"
