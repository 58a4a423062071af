import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strokemap.text import fold, is_abbreviation, name_key, singular, stem, word_spans, words


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Strokes", "stroke"),
        ("Transient ischaemic attacks", "transient ischaemic attack"),
        ("Speech–language pathology", "speech language pathology"),
        ("Parkinson's disease", "parkinson disease"),
        ("Broca’s area", "broca area"),
        ("Arteries", "artery"),
        ("Diagnosis", "diagnosis"),
        ("Stress", "stress"),
        ("Virus", "virus"),
        ("Naïve café", "naive cafe"),
        ("!?", ""),
    ],
)
def test_name_key_folds_case_plural_and_punctuation(name: str, key: str) -> None:
    assert name_key(name) == key


@pytest.mark.parametrize(("text", "expected"), [("TIA", True), ("tPA", True), ("Tia", False), ("IT support", False)])
def test_abbreviation_is_short_and_in_capitals(text: str, expected: bool) -> None:
    assert is_abbreviation(text) is expected


def test_singular_of_two_numbers_agrees() -> None:
    for one, many in [("hand", "hands"), ("biopsy", "biopsies"), ("reflex", "reflexes"), ("mass", "masses")]:
        assert singular(one) == singular(many)


def test_stem_joins_forms_of_a_word() -> None:
    assert stem("swallowing") == stem("swallows")


@given(st.text())
@settings(derandomize=True, deadline=None)
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert name_key(name_key(text)) == name_key(name_key(name_key(text)))
    assert all(text[start:end].strip() for start, end in word_spans(text))
    assert words(fold(text)) == words(text)


@given(st.text(st.characters(max_codepoint=127)))
@settings(max_examples=200)
def test_words_of_ascii_are_cut_as_in_any_other_text(text: str) -> None:
    # One letter that is not ASCII has the text read by the general rule.
    assert word_spans(text) == word_spans(f"{text} é")[:-1]
    assert words(text) == words(f"{text} ж")[:-1]
