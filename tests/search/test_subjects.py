from __future__ import annotations

from collections.abc import Callable

import pytest

from kg_builder.projection import Projection
from search.article import Article
from search.expand import Chosen, Expansion
from search.index import TextIndex
from search.index_files import write_index
from search.linker import Linked
from search.retrieve import WeightedQuery
from search.subjects import FIRST, Subject, add_subjects, find_subjects
from strokemap.progress import silent

Make = Callable[..., TextIndex]


@pytest.fixture
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Index articles with a text and a subject each."""

    def index(*subjects: str, text: str = "Pauses in breathing at night.", **more: tuple[str, ...]) -> TextIndex:
        articles = [
            Article(id=f"lib:{place}", title="T", text=text, focus=subject, **more)  # type: ignore[arg-type]
            for place, subject in enumerate(subjects)
        ]
        return write_index(articles, folder=tmp_path_factory.mktemp("subjects") / "index", progress=silent)

    return index


def found(words: str, *, index: TextIndex, pages: TextIndex) -> list[tuple[str, str]]:
    own = WeightedQuery(words=tuple(words.split()))
    return [(subject.name, subject.reason) for subject in find_subjects(own, index=index, pages=pages)]


def test_the_subject_that_two_of_the_first_articles_share_is_found(make: Make):
    index = make("Sleep apnoea", "Sleep apnoea", "Snoring")
    expected = [("Sleep apnoea", "2 of the first 3 articles are about it")]
    assert found("pauses breathing", index=index, pages=make()) == expected


def test_articles_that_do_not_agree_say_nothing(make: Make):
    assert found("pauses", index=make(*(f"Subject {number}" for number in range(FIRST))), pages=make()) == []
    assert found("pauses", index=make("Alone"), pages=make()) == []
    assert found("pauses", index=make("", ""), pages=make()) == []


def test_nothing_found_says_nothing(make: Make):
    assert found("wing flutter", index=make("Sleep", "Sleep"), pages=make()) == []


def test_synonyms_of_the_subject_come_with_it(make: Make):
    index = make("Sleep apnoea", "Sleep apnoea", synonyms=("OSA",))
    (subject,) = find_subjects(WeightedQuery(words=("pauses",)), index=index, pages=make())
    assert (subject.other_names, subject.of_map) == (("OSA",), False)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("loss words after damage brain", ["Aphasia"]),
        ("loss words after damage engine", ["Aphasia"]),
        ("loss words engine wing", []),
    ],
)
def test_a_page_is_found_whose_beginning_has_four_fifths_of_the_words(
    words: str, names: list[str], make: Make, tiny_index: TextIndex
):
    assert [name for name, _ in found(words, index=make(), pages=tiny_index)] == names


def added(*subjects: Subject, projection: Projection, chosen: Chosen | None = None) -> dict[str, tuple[str, ...]]:
    expansion = add_subjects(
        Expansion(), subjects, linked=Linked(excluded=(), excluded_terms=("Aphasia",)), chosen=chosen or Chosen(),
        audience="patient", projection=projection,
    )  # fmt: skip
    return {term.term: term.names for term in expansion.terms}


def test_a_subject_that_the_map_knows_becomes_its_term(tiny_map: Projection):
    subjects = [Subject(name=name, of_map=False, reason="said") for name in ("brain attack", "Sleep")]
    assert added(*subjects, projection=tiny_map) == {
        "Stroke": ("Stroke", "Brain attack", "Cerebrovascular accident"),
        "Sleep": ("Sleep",),
    }


def test_a_subject_that_was_left_out_stays_out(tiny_map: Projection):
    subjects = [Subject(name=name, of_map=True, reason="said") for name in ("Aphasia", "Stroke")]
    stroke = tiny_map.term("Stroke")
    assert stroke is not None
    assert added(*subjects, projection=tiny_map, chosen=Chosen(left_out=(stroke,))) == {}
