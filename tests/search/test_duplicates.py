from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from search.article import Article
from search.duplicates import are_alike, bands, runs

_WORDS = [f"word{number}" for number in range(400)]


def article(words: list[str], title: str = "t") -> Article:
    return Article(id="lib:a", title=title, text=" ".join(words))


def test_case_and_stops_make_no_difference():
    assert runs(article(["A", "b,", "c.", "D!"])) == runs(article(["a", "b", "c", "d"]))


def test_one_other_word_in_a_long_text_is_nearly_the_same_and_in_a_short_one_not():
    assert are_alike(runs(article(_WORDS)), runs(article([*_WORDS[:-1], "other"])))
    assert not are_alike(runs(article(_WORDS[:20])), runs(article([*_WORDS[:19], "other"])))


def test_one_text_under_two_titles_is_the_same_only_where_it_is_long():
    assert are_alike(runs(article(_WORDS, "Hepatitis A")), runs(article(_WORDS, "Hepatitis C")))
    assert not are_alike(runs(article(_WORDS[:30], "Hepatitis A")), runs(article(_WORDS[:30], "Hepatitis C")))


def test_texts_without_words_are_alike():
    assert are_alike(runs(article([], "")), runs(article(["…"], "")))
    assert bands(runs(article([], "")))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(place=st.integers(0, 399), word=st.sampled_from(["other", "new", "more"]))
def test_near_duplicates_meet(place: int, word: str):
    one, other = runs(article(_WORDS)), runs(article([*_WORDS[:place], word, *_WORDS[place + 1 :]]))
    assert are_alike(one, other)
    assert set(bands(one)) & set(bands(other))
    assert bands(one) == bands(frozenset(sorted(one)))
