"""A tiny map to read, project, export and curate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from kg_builder.model import Build, Digest, Evidence, Link, Made, PageText, Section, Term
from strokemap.topic import Topic

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def _term(title: str, path_length: int, relevance: float, **more: object) -> Term:
    fields = {"reasons": ("linked from the lead",), "summary": f"{title} is a thing.", "content_hash": "c" * 64} | more
    return Term(title=title, path_length=path_length, relevance=relevance, **fields)  # type: ignore[arg-type]


def _link(a: str, b: str, *evidence: tuple[str, str, str]) -> Link:
    items = [
        Evidence(source=source, target=b if source == a else a, section=section, sentence=sentence)
        for source, section, sentence in evidence
    ]
    return Link(a=a, b=b, evidence=tuple(sorted(items, key=lambda item: (item.source, item.section, item.sentence))))


@pytest.fixture
def tiny_build() -> Build:
    """Seven terms around stroke; "Zoster" has no link."""
    terms = (
        _term("Aphasia", 1, 0.9, other_names=("Dysphasia", "trouble finding words"), codes=(("icd10", "R47.0"),)),
        _term(
            "Atrial fibrillation", 1, 0.8, other_names=("AF", "A-fib"), codes=(("icd10", "I48"), ("mesh", "D001281"))
        ),
        _term("Medicine", 2, 0.55, reasons=()),
        _term("Speech therapy", 2, 0.7),
        _term("Stroke", 0, 1.0, other_names=("Brain attack", "CVA", "Strokes"), codes=(("icd10", "I63"),)),
        _term("Warfarin", 2, 0.6),
        _term("Zoster", 2, 0.51),
    )
    links = (
        _link("Aphasia", "Medicine", ("Aphasia", "History", "Aphasia is studied in medicine.")),
        _link("Aphasia", "Speech therapy", ("Speech therapy", "", "It treats aphasia.")),
        _link(
            "Aphasia",
            "Stroke",
            ("Aphasia", "", "Aphasia is most often caused by stroke."),
            ("Aphasia", "Causes", "A stroke is the commonest cause."),
            ("Stroke", "Signs", "Some people have aphasia."),
        ),
        _link("Atrial fibrillation", "Medicine", ("Atrial fibrillation", "", "It concerns medicine.")),
        _link("Atrial fibrillation", "Stroke", ("Stroke", "Causes", "Atrial fibrillation is a cause.")),
        _link("Atrial fibrillation", "Warfarin", ("Atrial fibrillation", "Care", "Warfarin is given.")),
        _link("Medicine", "Stroke", ("Stroke", "", "Stroke is a matter of medicine.")),
    )
    return Build(
        digest=Digest("ab" * 32),
        topic=Topic(name="stroke", starting_terms=("Stroke",), path_length=2),
        terms=terms,
        links=links,
        made=Made(source="/data/pages.xml", judge="model", pages=12, requests=1, at=NOON),
    )


@pytest.fixture
def tiny_texts() -> tuple[PageText, ...]:
    """Texts of two of the seven terms, and of one page that is no term."""
    return (
        PageText(
            title="Aphasia", sections=(Section(heading="", text="Aphasia is…"), Section(heading="Causes", text="…"))
        ),
        PageText(title="Somewhere", sections=(Section(heading="", text="A place."),)),
        PageText(title="Stroke", sections=(Section(heading="", text="A stroke is an emergency."),)),
    )


NAMESPACES = {"Template": 10, "Help": 12}


def export_file(path: Path, pages: Mapping[str, str]) -> Path:
    """Write a MediaWiki export of pages given as title and wikitext; give its path."""
    rows = "".join(
        f"<page><title>{escape(title)}</title><ns>{NAMESPACES.get(title.partition(':')[0], 0)}</ns>"
        f"<revision><text>{escape(text)}</text></revision></page>\n"
        for title, text in pages.items()
    )
    path.write_text(
        f'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11">\n{rows}</mediawiki>\n',
        encoding="utf-8",
    )
    return path


@pytest.fixture
def write_export(tmp_path: Path) -> Callable[..., Path]:
    """Write an export into the test's folder; give its path."""

    def write(pages: Mapping[str, str], name: str = "wiki.xml") -> Path:
        return export_file(tmp_path / name, pages)

    return write
