from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.query import MOST_CHARACTERS, Filters, Query, Words, read_words
from strokemap.errors import QueryInvalid


def read(text: str) -> Words:
    return read_words(Query(text=text))


def left_out(text: str) -> list[tuple[str, bool]]:
    return [(text[item.start : item.end], item.firm) for item in read(text).excluded]


def test_words_keep_their_places():
    words = read("Mini-stroke, again?").words
    assert [(word.surface, word.start, word.end) for word in words] == [
        ("Mini", 0, 4),
        ("stroke", 5, 11),
        ("again", 13, 18),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stroke -haemorrhage", [("haemorrhage", True)]),
        ("-x-ray stroke", [("x-ray", True)]),
        ('stroke -"brain bleed" now', [("brain bleed", True)]),
        ("an x-ray of the chest", []),
        ("kept at -70 degrees", []),
        ("this - that", []),
        ("stroke without aphasia", [("aphasia", False)]),
        ("Stroke WITHOUT any speech trouble, at home", [("speech trouble", False)]),
        ("pain without fever after stroke", [("fever", False)]),
        ("stroke without aphasia or neglect", [("aphasia", False), ("neglect", False)]),
        ("never go without", []),
        ("without, alas", []),
        ('"life without pain"', []),
        ("stroke without -aphasia", [("aphasia", True)]),
    ],
)
def test_what_is_left_out_is_found(text: str, expected: list[tuple[str, bool]]):
    assert left_out(text) == expected


def test_the_word_without_is_searched_only_where_it_leaves_nothing_out():
    assert [word.surface for word in read("stroke without aphasia").words] == ["stroke", "aphasia"]
    assert [word.surface for word in read("go without").words] == ["go", "without"]


@pytest.mark.parametrize("text", ['the "brain attack" sign', "the “brain attack” sign"])
def test_quoted_words_are_a_phrase(text: str):
    words = read(text)
    assert [text[item.start : item.end] for item in words.quoted] == ["brain attack"]
    assert len(words.words) == 4


def test_an_open_quote_is_a_character_like_any_other():
    assert read('say "ah').quoted == ()


@pytest.mark.parametrize(
    "query",
    [
        Query(text="a" * (MOST_CHARACTERS + 1)),
        Query(text="stroke", audience="doctor"),
        Query(text="stroke", filters=Filters(kind="rumour")),
        Query(text="stroke", filters=Filters(stage="dawn")),
        Query(text="stroke", limit=0),
        Query(text="stroke", limit=10_000_000),
    ],
)
def test_an_impossible_query_is_refused(query: Query):
    with pytest.raises(QueryInvalid) as caught:
        read_words(query)
    assert caught.value.hint
    assert caught.value.exit_status == 2


def test_the_longest_query_is_read():
    assert len(read("ab " * (MOST_CHARACTERS // 3)).words) == MOST_CHARACTERS // 3


_ODD = st.lists(
    st.sampled_from([*"\"“”-–— .,;’'\n\x00", "without ", "or ", "a", "é", "𝒳", "\ud800", "½", "0"]), min_size=1
).map("".join)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.one_of(st.text(), _ODD))
def test_any_text_is_read_and_every_stretch_lies_within_it(text: str):
    words = read(text)
    text = words.text
    assert all(text[word.start : word.end] == word.surface for word in words.words)
    assert all(0 <= item.start < item.end <= len(text) for item in words.excluded)
    assert all(a.end <= b.start for a, b in zip(words.excluded, words.excluded[1:], strict=False))
