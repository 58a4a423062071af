"""A tiny map, a few articles, and patients made of single facts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from hive_queries.facts import Fact, Profile, Stroke, with_strokes
from kg_builder.model import Build, Digest, Evidence, Link, Made, Term
from kg_builder.projection import Projection, make_projection
from recommend.rules import Rulebook, load_rulebook
from recommend.weights import Weights, load_weights
from search.article import Article
from search.index import TextIndex
from search.index_files import write_index
from strokemap.progress import silent
from strokemap.topic import Topic

JANUARY = (date(1991, 1, 1), "month")
FactMaker = Callable[..., Fact]
ProfileMaker = Callable[..., Profile]

_TERMS = {
    "Aphasia": ("Dysphasia",),
    "Depression (mood)": (),
    "Dysphagia": ("Swallowing disorder",),
    "Hemiparesis": ("Hemiplegia",),
    "Hypertension": ("High blood pressure",),
    "Speech therapy": (),
    "Stroke": ("Brain attack",),
    "Stroke rehabilitation": (),
}
_LINKS = (
    ("Aphasia", "Speech therapy", "Speech therapy is the treatment of aphasia."),
    ("Aphasia", "Stroke", "Aphasia is most often caused by stroke."),
    ("Dysphagia", "Stroke", "Many people have dysphagia after a stroke."),
    ("Hemiparesis", "Stroke", "Hemiparesis is a common effect of stroke."),
    ("Hypertension", "Stroke", "Hypertension is the main cause of stroke."),
    ("Stroke", "Stroke rehabilitation", "Rehabilitation begins within days of the stroke."),
)


@pytest.fixture(scope="session")
def tiny_map(tmp_path_factory: pytest.TempPathFactory) -> Projection:
    """Eight terms around stroke, without atrial fibrillation."""
    build = Build(
        digest=Digest("ab" * 32),
        topic=Topic(name="stroke", starting_terms=("Stroke",), path_length=2),
        terms=tuple(
            Term(title=title, other_names=names, path_length=1, relevance=0.9, content_hash=Digest("c" * 64))
            for title, names in _TERMS.items()
        ),
        links=tuple(
            Link(a=a, b=b, evidence=(Evidence(source=a, target=b, section="Causes", sentence=sentence),))
            for a, b, sentence in _LINKS
        ),
        made=Made(source="/data/pages.xml", judge="model", pages=8, requests=1, at=datetime(2026, 11, 1, tzinfo=UTC)),
    )
    return make_projection(build, texts=(), folder=tmp_path_factory.mktemp("map") / "projection")


def _article(id: str, title: str, text: str, *subjects: str, **more: object) -> Article:
    fields = {"kind": "understand", "audience": "patient", "date": "2026-11-01", "reading_grade": 6.0} | more
    return Article(id=f"lib:{id}", title=title, text=text, subjects=subjects, **fields)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def some_articles() -> tuple[Article, ...]:
    """Articles on the map's terms and on atrial fibrillation; some of them no rule should let through."""
    return (
        _article("aphasia", "Finding words after a stroke", "Aphasia makes words hard to find.", "Aphasia"),
        _article(
            "aphasia-talk", "Talking with someone who has aphasia", "Give aphasia time.", "Aphasia", kind="caregiver"
        ),
        _article("aphasia-too", "Finding words after your stroke", "Words.", "Aphasia"),
        _article(
            "speech", "What a speech therapist does", "Speech therapy is training.", "Speech therapy", kind="care"
        ),
        _article("heart", "Atrial fibrillation explained", "An irregular heartbeat.", focus="Atrial Fibrillation"),
        _article("thinners", "Living with blood thinners", "Warfarin thins blood.", focus="Anticoagulant"),
        _article("pressure", "High blood pressure", "Measure your pressure at home.", "Hypertension", kind="prevent"),
        _article("pregnant", "High blood pressure in pregnancy", "While pregnant.", focus="Hypertension in pregnancy"),
        _article("rehab", "Rehabilitation, week by week", "Practise daily.", "Stroke rehabilitation", stage=("early",)),
        _article("first-days", "The first days in hospital", "On the ward.", "Stroke", stage=("acute",)),
        _article("years-on", "Years after a stroke", "Life goes on.", "Stroke", stage=("life after",)),
        _article("walk", "Exercise for a weak side", "Walk daily.", "Hemiparesis", kind="do"),
        _article("arm", "A weak arm or leg", "Hemiparesis means weakness.", "Hemiparesis"),
        _article("swallow", "What trouble with swallowing is", "Dysphagia.", "Dysphagia"),
        _article("swallow-do", "Swallowing exercises at home", "Swallow hard.", "Dysphagia", kind="do"),
        _article("expert", "Thrombolysis protocols in stroke", "Give alteplase.", "Stroke", audience="clinician"),
        _article("drive", "Driving again after a stroke", "Ask first.", "Stroke", kind="after-care"),
        _article("moon", "The moon", "It is far away.", "Moon"),
    )


@pytest.fixture(scope="session")
def tiny_index(some_articles: tuple[Article, ...], tmp_path_factory: pytest.TempPathFactory) -> TextIndex:
    """A text index of the articles."""
    return write_index(some_articles, folder=tmp_path_factory.mktemp("index") / "tiny", progress=silent)


@pytest.fixture(scope="session")
def rulebook() -> Rulebook:
    """The shipped rules and codes."""
    return load_rulebook()


@pytest.fixture(scope="session")
def weights() -> Weights:
    """The shipped weights."""
    return load_weights()


@pytest.fixture(scope="session")
def fact() -> FactMaker:
    """Make a fact: by default one of the IST, known to January 1991."""

    def make(code: str, value: str = "Y", **more: object) -> Fact:
        fields: dict[str, object] = {
            "kind": "deficit", "system": "ist", "column": code, "display": "", "on": date(1991, 1, 1),
            "precision": "month", "institution": "ist",
        } | more  # fmt: skip
        return Fact(code=code, value=value, **fields)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def coded(fact: FactMaker) -> FactMaker:
    """Make a fact of another system, known to the day."""

    def make(system: str, code: str, value: str = "", **more: object) -> Fact:
        fields: dict[str, object] = {
            "kind": "condition", "system": system, "column": "conditions.CODE", "on": date(2026, 3, 2),
            "precision": "day", "institution": "river",
        } | more  # fmt: skip
        return fact(code, value or code, **fields)

    return make


@pytest.fixture(scope="session")
def patient() -> ProfileMaker:
    """Make a patient of given facts, by default a woman born in 1920 with a stroke in January 1991."""

    def make(*facts: Fact, stroke: tuple[date | None, str] | None = JANUARY, **more: object) -> Profile:
        fields: dict[str, object] = {
            "patient": "p" * 32, "institution": "ist", "version": "1", "sex": "F", "birth_year": 1920, "died_on": None,
            "died_precision": "", "stroke_on": None, "stroke_precision": "", "stroke_type": "",
        } | more  # fmt: skip
        strokes = [Stroke(on=stroke[0], precision=stroke[1], type="ischaemic")] if stroke else []
        return with_strokes(Profile(facts=facts, **fields), strokes)  # type: ignore[arg-type]

    return make
