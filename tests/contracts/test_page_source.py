"""What every PageSource keeps. A new implementation is one more branch in ``open_wiki``, and one in IMPLEMENTATIONS."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from kg_builder.model import Mention, Section
from kg_builder.sources import PageSource, XmlExport
from kg_builder.sources.base import Fetched
from kg_builder.sources.mediawiki import MediaWiki
from kg_builder.titles import normalise_title
from kg_builder.wikitext import parse_page, redirect_target
from strokemap.progress import silent

WIKI = {
    "Stroke": "A '''stroke''' harms the [[brain]].\n== Care ==\nSee [[AF]]. [[Category:Stroke]]",
    "Brain": "An organ.",
    "Atrial fibrillation": "{{Infobox medical condition|ICD10=I48}}An uneven pulse.",
    "CVA": "#REDIRECT [[Stroke]]",
    "Apoplexy": "#REDIRECT [[CVA]]",
    "Insult": "#redirect [[Stroke#Types]]",
    "AF": "#REDIRECT [[Atrial fibrillation]]",
    "Loop": "#REDIRECT [[Pool]]",
    "Pool": "#REDIRECT [[Loop]]",
    "Ouroboros": "#REDIRECT [[Ouroboros]]",
    "Broken": "#REDIRECT [[Nowhere]]",
    "Mercury": "'''Mercury''' may mean: [[Mercury (planet)]]. {{disambig}}",
    "Café – naïve": "[[Stroke]] & <b>more</b>.",
}


class FakeSource:
    """A wiki in memory, with dials: titles that fail, an error to raise instead of the next answers."""

    name, edition = "memory:wiki", "1"

    def __init__(self, pages: Mapping[str, str]) -> None:
        self.pages = pages
        self.requests = 0
        self.failing: dict[str, str] = {}
        self.raising: Exception | None = None

    def fetch(self, titles: Sequence[str]) -> Fetched:
        self.requests += 1
        if self.raising:
            raise self.raising
        resolved = {title: self._resolve(normalise_title(title)) for title in titles}
        found = sorted({page for page in resolved.values() if page is not None})
        pages = []
        for page in found:
            names = sorted(name for name in self.pages if name != page and self._resolve(name) == page)
            pages.append(parse_page(page, self.pages[page], redirects=names))
        failed = {title: self.failing[page] for title, page in resolved.items() if page in self.failing}
        return Fetched(
            pages=tuple(page for page in pages if page.title not in self.failing), resolved=resolved, failed=failed
        )

    def changed(self, since: datetime, *, requests: int) -> frozenset[str] | None:
        return None

    def close(self) -> None:
        self.pages = {}

    def _resolve(self, title: str) -> str | None:
        seen = set()
        while title in self.pages and title not in seen:
            seen.add(title)
            target = redirect_target(self.pages[title])
            if not target:
                return title
            title = target
        return None


Opener = Callable[[Mapping[str, str]], PageSource]
IMPLEMENTATIONS = {"export": XmlExport, "api": MediaWiki, "fake": FakeSource}


@pytest.fixture(params=["export", pytest.param("api", marks=pytest.mark.server), "fake"])
def open_wiki(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    opened: list[PageSource] = []

    def write(pages: Mapping[str, str]) -> Path:
        rows = "".join(
            f"<page><title>{escape(title)}</title><ns>0</ns><revision><text>{escape(text)}</text></revision></page>"
            for title, text in pages.items()
        )
        path = tmp_path / "wiki.xml"
        path.write_text(f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/">{rows}</mediawiki>', "utf-8")
        return path

    def export(pages: Mapping[str, str]) -> PageSource:
        return XmlExport.open(write(pages), work=tmp_path / "work", progress=silent)

    def api(pages: Mapping[str, str]) -> PageSource:
        address = request.getfixturevalue("wikis").serve(write(pages))
        return MediaWiki.open(address, contact="tests@strokemap.example")

    def open_(pages: Mapping[str, str]) -> PageSource:
        opened.append({"export": export, "api": api, "fake": FakeSource}[request.param](pages))
        return opened[-1]

    yield open_
    for source in opened:
        source.close()


@pytest.fixture
def wiki(open_wiki: Opener) -> PageSource:
    return open_wiki(WIKI)


def test_page_comes_parsed(wiki: PageSource) -> None:
    (page,) = wiki.fetch(["Stroke"]).pages
    assert page.title == "Stroke"
    assert page.sections == (
        Section(heading="", text="A stroke harms the brain."),
        Section(heading="Care", text="See AF."),
    )
    assert page.mentions == (
        Mention(target="Brain", surface="brain", section="", sentence="A stroke harms the brain."),
        Mention(target="AF", surface="AF", section="Care", sentence="See AF."),
    )
    assert page.categories == ("Stroke",)
    assert not page.disambiguation


def test_identifiers_and_disambiguation_come_along(wiki: PageSource) -> None:
    fetched = {page.title: page for page in wiki.fetch(["Atrial fibrillation", "Mercury"]).pages}
    assert fetched["Atrial fibrillation"].identifiers == (("icd10", "I48"),)
    assert fetched["Mercury"].disambiguation


def test_redirects_lead_to_the_page_and_are_its_other_names(wiki: PageSource) -> None:
    fetched = wiki.fetch(["CVA", "Apoplexy", "Insult", "Stroke"])
    assert set(fetched.resolved.values()) == {"Stroke"}
    (page,) = fetched.pages
    assert page.redirects == ("Apoplexy", "CVA", "Insult")


def test_every_title_asked_for_is_resolved_or_nowhere(wiki: PageSource) -> None:
    titles = ["Stroke", "Loop", "Pool", "Ouroboros", "Broken", "Nowhere", "", "a|b", "#Types", "x" * 300]
    fetched = wiki.fetch(titles)
    assert fetched.resolved == dict.fromkeys(titles) | {"Stroke": "Stroke"}
    assert fetched.failed == {}


def test_titles_are_read_as_the_wiki_reads_them(wiki: PageSource) -> None:
    titles = ["stroke", "_stroke_", "Stroke#Types", ":Stroke", "Cafe\u0301_–_naïve", "caf%C3%A9 – naïve"]
    assert list(wiki.fetch(titles).resolved.values()) == ["Stroke"] * 4 + ["Café – naïve"] * 2


def test_answers_do_not_depend_on_order_company_or_repetition(wiki: PageSource) -> None:
    titles = sorted(WIKI)
    together = wiki.fetch(titles)
    backwards = wiki.fetch(titles[::-1])
    assert sorted(together.pages, key=lambda page: page.title) == sorted(backwards.pages, key=lambda page: page.title)
    assert together.resolved == backwards.resolved
    for title in titles:
        alone = wiki.fetch([title, title])
        assert alone.resolved == {title: together.resolved[title]}
        assert set(alone.pages) <= set(together.pages)


def test_each_page_comes_once_and_only_if_asked_for(wiki: PageSource) -> None:
    fetched = wiki.fetch(["Stroke", "CVA", "Brain"])
    assert sorted(page.title for page in fetched.pages) == ["Brain", "Stroke"]
    assert wiki.fetch([]).pages == ()


def test_source_names_itself_its_state_and_counts_its_requests(wiki: PageSource) -> None:
    assert wiki.name
    assert isinstance(wiki.edition, str)
    before = wiki.requests
    wiki.fetch(["Stroke"])
    assert wiki.requests >= before


def test_pages_that_nobody_touched_are_not_among_the_changed_ones(wiki: PageSource) -> None:
    changed = wiki.changed(datetime.now(UTC), requests=3)
    assert changed is None or not changed & set(WIKI)


def test_hundreds_of_titles_at_once_are_answered(open_wiki: Opener) -> None:
    wiki = open_wiki({f"Page {number}": f"[[Page {number + 1}]]" for number in range(700)})
    fetched = wiki.fetch([f"Page {number}" for number in range(800)])
    assert len(fetched.pages) == 700
    assert sum(page is None for page in fetched.resolved.values()) == 100


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS.values())
def test_signatures_are_those_of_the_seam(implementation: type) -> None:
    for method in ("fetch", "changed", "close"):
        ours, seam = (inspect.signature(getattr(owner, method)) for owner in (implementation, PageSource))
        assert ours == seam, method


def test_dials_of_the_fake_work() -> None:
    fake = FakeSource(WIKI)
    fake.failing = {"Stroke": "timed out"}
    fetched = fake.fetch(["CVA", "Brain"])
    assert fetched.failed == {"CVA": "timed out"}
    assert [page.title for page in fetched.pages] == ["Brain"]
    fake.raising = TimeoutError()
    with pytest.raises(TimeoutError):
        fake.fetch(["Brain"])
