from __future__ import annotations

import pytest

from search.article import Article
from search.index import TextIndex
from search.index_files import write_index
from search.query import Query, read_words
from search.spelling import correct
from strokemap.progress import silent
from strokemap.text import american

_TEXT = "Statins lower cholesterol. Hemorrhoids. Physiotherapy after dysphagia, edema, an aneurysm. Aneurysm! Arterial."


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> TextIndex:
    """One article."""
    folder = tmp_path_factory.mktemp("spelling") / "index"
    return write_index([Article(id="lib:a", title="Words", text=_TEXT)], folder=folder, progress=silent)


def corrected(text: str, index: TextIndex) -> dict[str, str]:
    return dict(correct(read_words(Query(text=text)), index=index, pages=index).corrected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cholestrol", {"cholestrol": "cholesterol"}),
        ("Haemorrhoids", {"haemorrhoids": "hemorrhoids"}),
        ("oedema", {"oedema": "edema"}),
        ("disphagia and an anurysm", {"disphagia": "dysphagia", "anurysm": "aneurysm"}),
        ("fysiotherapy", {"fysiotherapy": "physiotherapy"}),
        ("cholesterol", {}),
        ("zzzzzzz", {}),
        ("", {}),
    ],
)
def test_a_word_that_no_text_has_becomes_the_nearest_that_one_has(
    text: str, expected: dict[str, str], index: TextIndex
):
    assert corrected(text or "the", index) == expected


@pytest.mark.parametrize("text", ["station", "statue", "stating", "material"])
def test_a_word_of_the_dictionary_is_no_mistake(text: str, index: TextIndex):
    assert corrected(text, index) == {}


@pytest.mark.parametrize("text", ['"cholestrol"', "-cholestrol", "words without cholestrol"])
def test_what_is_quoted_or_left_out_is_taken_as_it_is(text: str, index: TextIndex):
    assert corrected(text, index) == {}


def test_short_words_numbers_and_whole_texts_of_unknown_words_are_left_alone(index: TextIndex):
    assert corrected("edma statin5", index) == {}
    assert corrected("cholestrol disphagia " + " ".join(f"qqqq{letter}q" for letter in "abcdefgh"), index) == {}


@pytest.mark.parametrize(
    ("british", "expected"),
    [
        ("haemorrhage", "hemorrhage"),
        ("oesophagus", "esophagus"),
        ("tumours", "tumors"),
        ("paralysed", "paralyzed"),
        ("hospitalisation", "hospitalization"),
        ("stroke", "stroke"),
        ("four hours", "four hours"),
        ("odour", "odor"),
    ],
)
def test_british_spelling_becomes_american_by_rule(british: str, expected: str):
    assert american(british) == expected
