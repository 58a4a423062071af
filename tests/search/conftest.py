"""A tiny map, a tiny library, and the text index of both."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kg_builder.model import Build, Digest, Evidence, Link, Made, PageText, Section, Site, Term
from kg_builder.projection import Projection, make_projection
from search.article import Article
from search.gate import Gate, load_gate
from search.index import TextIndex
from search.index_files import build_index
from search.library import Library
from strokemap.progress import silent
from strokemap.topic import Topic

# Title, path length, other names, codes.
_TERMS = (
    ("Aphasia", 1, ("Dysphasia", "Trouble finding words", "Word loss")),
    ("Atrial fibrillation", 1, ("AF", "AFib", "Irregular heartbeat")),
    ("Face arm speech test", 2, ("FAST",)),
    ("Physical therapy", 1, ("Physiotherapy", "PT")),
    ("Prothrombin time", 2, ("PT",)),
    ("Speech therapy", 1, ("Speech–language pathology",)),
    ("Stroke", 0, ("Brain attack", "CVA", "Cerebrovascular accident")),
    ("Transient ischemic attack", 0, ("TIA", "Mini-stroke", "Ministroke")),
    ("Warfarin", 2, ()),
    ("Zoster", 2, ("Shingles",)),
)
_LINKS = (
    ("Aphasia", "Speech therapy", "Speech therapy treats aphasia."),
    ("Aphasia", "Stroke", "Aphasia is most often caused by stroke."),
    ("Atrial fibrillation", "Stroke", "Atrial fibrillation is a cause of stroke."),
    ("Atrial fibrillation", "Warfarin", "Warfarin is given in atrial fibrillation."),
    ("Face arm speech test", "Stroke", "The test finds a stroke early."),
    ("Physical therapy", "Stroke", "Physical therapy follows a stroke."),
    ("Prothrombin time", "Warfarin", "Prothrombin time is watched under warfarin."),
    ("Stroke", "Transient ischemic attack", "A transient ischemic attack warns of stroke."),
)
_TEXTS = {
    "Aphasia": (("", "Aphasia is a loss of words after damage to the brain."), ("References", "Smith 2001.")),
    "Stroke": (
        ("", "A stroke cuts the brain off from blood. Time lost is brain lost."),
        ("Signs & symptoms", "One side of the face hangs, an arm is weak, or words come out wrong."),
    ),
}
_ARTICLES = (
    ("talk", "Talking again after a stroke", "Word games help people who lost words. A speech therapist helps, too.",
     {"kind": "do", "stage": ("early", "late"), "subjects": ("Aphasia", "Speech therapy"), "synonyms": ("dysphasia",)}),
    ("heart", "An irregular heartbeat", "The heart may send a clot to the brain. Thinning the blood prevents a stroke.",
     {"kind": "prevent", "stage": ("at risk",), "subjects": ("Atrial fibrillation",), "source": "Heart House"}),
    ("walk", "Walking without falling", "Hold the rail. Practise each day with your physical therapist.",
     {"kind": "do", "stage": ("early",), "subjects": ("Physical therapy",)}),
    ("warn", "The small stroke that warns", "A transient ischemic attack goes away, but call for help at once.",
     {"kind": "understand", "stage": ("acute",), "subjects": ("Transient ischemic attack",)}),
    ("twin-b", "Bread", "Bake it slowly.", {}),
    ("twin-a", "Bread", "Bake it slowly.", {}),
)  # fmt: skip


@pytest.fixture(scope="session")
def tiny_map(tmp_path_factory: pytest.TempPathFactory) -> Projection:
    """The projection of ten terms around stroke; “PT” names two of them, and “Zoster” has no link."""
    terms = tuple(
        Term(
            title=title,
            path_length=path_length,
            relevance=1.0 - path_length / 4,
            other_names=other_names,
            summary=f"{title} is a thing.",
            content_hash=Digest("c" * 64),
        )
        for title, path_length, other_names in _TERMS
    )
    links = tuple(
        Link(a=a, b=b, evidence=(Evidence(source=a, target=b, section="Causes", sentence=sentence),))
        for a, b, sentence in _LINKS
    )
    build = Build(
        digest=Digest("ab" * 32),
        topic=Topic(name="stroke", starting_terms=("Stroke",), path_length=2),
        terms=terms,
        links=links,
        made=Made(
            site=Site(name="Wikipedia", address="https://en.wikipedia.org/wiki/"),
            source="/data/pages.xml",
            judge="model",
            pages=10,
            requests=1,
            at=datetime(2026, 11, 1, tzinfo=UTC),
        ),
    )
    texts = (
        PageText(title=title, sections=tuple(Section(heading=heading, text=text) for heading, text in sections))
        for title, sections in sorted(_TEXTS.items())
    )
    return make_projection(build, texts=texts, folder=tmp_path_factory.mktemp("projections") / build.digest)


@pytest.fixture(scope="session")
def tiny_articles() -> tuple[Article, ...]:
    """Six articles; two are alike in all but their ids."""
    return tuple(Article(id=f"lib:{id}", title=title, text=text, **more) for id, title, text, more in _ARTICLES)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def tiny_index(
    tiny_map: Projection, tiny_articles: tuple[Article, ...], tmp_path_factory: pytest.TempPathFactory
) -> TextIndex:
    """The text index of the tiny articles and the tiny map's pages."""
    library = Library.open(tmp_path_factory.mktemp("library"))
    library.add(iter(tiny_articles))
    folder = tmp_path_factory.mktemp("index")
    return build_index(library=library, projection=tiny_map, folder=folder, progress=silent)


@pytest.fixture(scope="session")
def gate() -> Gate:
    """The gate that ships."""
    return load_gate()


@pytest.fixture
def jsonl(tmp_path: Path) -> Callable[..., Path]:
    """Write objects, or raw bytes as they are, as lines of a file."""

    def write(*lines: object, name: str = "lines.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
        return path

    return write
