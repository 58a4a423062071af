"""Pages from a real MediaWiki over its API: the same build as from its export, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kg_builder.sources import open_source
from kg_builder.sources.mediawiki import MediaWiki
from kg_builder.sources.pace import GAP_HERE
from strokemap.errors import SourceContactMissing, SourceMalformed, SourceUnreachable, SourceUnsupported
from strokemap.progress import silent
from tests.servers.fault_proxy import FaultProxy
from tests.servers.mediawiki import Wikis

CONTACT = "tests@strokemap.example"


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
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        if seconds > GAP_HERE:
            waits.append(seconds)
            lag.unlink(missing_ok=True)

    source = MediaWiki.open(address, contact=CONTACT, sleep=sleep)
    lag.write_text("7.5")
    assert source.fetch(["Stroke"]).resolved == {"Stroke": "Stroke"}
    source.close()
    assert waits == [pytest.approx(5, abs=0.5)], "as long as the wiki asked for"


@pytest.mark.server
def test_wiki_that_asks_for_a_long_pause_is_asked_nothing_more(odd: MediaWiki) -> None:
    with FaultProxy(behind=odd.name, spoilt={"Stroke": "503"}, retry_after="600") as proxy:
        source = MediaWiki.open(proxy.address, contact=CONTACT)
        with pytest.raises(SourceUnreachable):
            source.fetch(["Empty", "Stroke"])
        source.close()
    assert [one.fault for one in proxy.seen] == ["", "503"]


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
    "address",
    ["ftp://wiki.invalid/", "neo4j://x", "http://", "https:///w/api.php", "http://[::1", "http://x:99999/", "http://x:0/",
     "https://user:secret@wiki.invalid/w/api.php", "gopher://secret@x/?token=secret"],
)  # fmt: skip
def test_address_that_is_none_is_refused_without_its_secrets(address: str) -> None:
    with pytest.raises(SourceUnsupported) as caught:
        MediaWiki.open(address, contact=CONTACT)
    assert caught.value.exit_status == 1
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
        self.address, self.requests, self.closed, self.put_off = "http://x/api.php", 0, False, False

    def ask(self, **_: object) -> object:
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
