from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg_builder.projection import Projection
from search.answer import Answer, search
from search.expand import ExpandedTerm, Expansion
from search.gate import Gate
from search.index import TextIndex
from search.linker import Linked
from search.onward import MOST_RELATED, did_you_mean, pubmed_query
from search.query import Query
from strokemap.text import words

Tree = str | tuple[str, list["Tree"]]
_TOKEN = re.compile(r'"(?P<phrase>[^"]*)"\[tiab\]|(?P<other>\(|\)|AND|OR|NOT)|\s+')


def parse(text: str) -> Tree:
    """Read a query as PubMed does, except that operators may not be mixed without brackets."""
    place = 0
    tokens: list[tuple[str, str]] = []
    while place < len(text):
        match = _TOKEN.match(text, place)
        assert match, text[place:]
        if match.lastgroup:
            tokens.append((match.lastgroup, match[match.lastgroup]))
        place = match.end()
    stream = iter([*tokens, ("end", "")])
    tree, end = _parse_any(stream)
    assert end == ("end", "")
    return tree


def _parse_any(stream: Iterator[tuple[str, str]]) -> tuple[Tree, tuple[str, str]]:
    parts, operator = [_parse_one(stream)], ""
    while (token := next(stream))[1] in ("AND", "OR", "NOT"):
        assert operator in ("", token[1])
        operator = token[1]
        parts.append(_parse_one(stream))
    return ((operator, parts) if operator else parts[0]), token


def _parse_one(stream: Iterator[tuple[str, str]]) -> Tree:
    kind, value = next(stream)
    if kind == "phrase":
        return value
    assert value == "("
    tree, (_, closing) = _parse_any(stream)
    assert closing == ")"
    return tree


def phrases(tree: Tree) -> list[str]:
    return [tree] if isinstance(tree, str) else [phrase for part in tree[1] for phrase in phrases(part)]


@pytest.fixture(scope="session")
def ask(tiny_map: Projection, tiny_index: TextIndex, gate: Gate):
    """Search the tiny index."""

    def answer(text: str, **switches: object) -> Answer:
        return search(Query(text=text, **switches), projection=tiny_map, index=tiny_index, gate=gate)  # type: ignore[arg-type]

    return answer


def test_pubmed_gets_every_word_and_term_under_its_names(ask):
    answer = ask("mini stroke, trouble baking")
    operator, (first, *rest) = parse(answer.pubmed)  # type: ignore[misc]
    assert operator == "AND"
    assert first[0] == "OR"
    assert {"mini stroke", "Transient ischemic attack"} <= set(first[1])
    assert rest == ["trouble", "baking"]


def test_pubmed_gets_neighbours_beside_the_term_that_led_to_them_and_others_beside_the_whole(ask):
    answer = ask("aphasia", with_terms=("Warfarin",))
    operator, (own, beside) = parse(answer.pubmed)  # type: ignore[misc]
    assert operator == "OR"
    assert "Warfarin" in phrases(beside)
    near = [words(name) for term in answer.expansion if term.path for name in term.names]
    read = [words(phrase) for phrase in phrases(own)]
    assert near
    assert all(name in read for name in [*near, ["aphasia"]])


def test_pubmed_leaves_out_what_the_reader_left_out(ask):
    operator, (_, unwanted) = parse(ask("brain words without aphasia").pubmed)  # type: ignore[misc]
    assert (operator, unwanted) == ("NOT", "Aphasia")


def test_switches_change_what_pubmed_gets(ask):
    wide, narrow = ask("aphasia"), ask("aphasia", without_terms=("Stroke",))
    assert "Stroke" in phrases(parse(wide.pubmed))
    assert "Stroke" not in phrases(parse(narrow.pubmed))


@settings(derandomize=True, deadline=None, max_examples=150)
@given(names=st.lists(st.text(max_size=20) | st.sampled_from(['a" OR "b', "x[tiab]", "(y", "NOT", "β-a"]), max_size=4))
def test_whatever_a_name_holds_pubmed_reads_back_its_words(names: list[str]):
    term = ExpandedTerm(term="T", weight=0.5, reason="r", names=tuple(names))
    text = pubmed_query(Linked(excluded=(), unlinked=("arm",)), Expansion(terms=(term,)))
    read = [words(phrase) for phrase in phrases(parse(text))]
    assert ["arm"] in read
    assert all(words(name) in read for name in names if words(name))


def test_related_terms_are_not_in_the_query_yet(ask):
    answer = ask("stroke and one two three four five six seven eight nine ten other matters entirely")
    in_use = {term.term for term in answer.terms} | {term.term for term in answer.expansion}
    assert answer.related
    assert len(answer.related) <= MOST_RELATED
    assert in_use.isdisjoint(answer.related)
    more = ask(answer.query, with_terms=answer.related[:1])
    assert answer.related[0] in {term.term for term in more.expansion}
    assert answer.related[0] not in more.related


def test_what_the_gate_keeps_out_can_be_added(ask):
    closed = ask("stroke and one two three four five six seven eight nine ten other matters entirely")
    assert closed.why_no_expansion
    assert set(closed.related) >= {"Aphasia", "Atrial fibrillation"}


def test_a_misspelt_query_comes_back_as_it_was_meant(ask):
    assert ask("Strokke, words").did_you_mean == "stroke, words"
    assert ask("stroke words").did_you_mean == ""
    assert did_you_mean("a Bb, bb", {"bb": "bc"}) == "a bc, bc"


def test_patients_are_told_what_they_said_or_the_plainest_name(ask):
    patient = ask("brain attack help", audience="patient")
    assert patient.said["Stroke"] == "brain attack"
    assert patient.said["Transient ischemic attack"] == "Mini-stroke"
    clinician = ask("brain attack help")
    assert all(clinician.said[term.term] == term.term for term in clinician.expansion)
    told = " ".join([*(result.why for result in patient.results), *(term.reason for term in patient.expansion)])
    assert "ischemic" not in told
    assert "map" not in told
    (warn,) = (result for result in patient.results if result.id == "lib:warn")
    assert warn.why == "Has your words “attack”, “help”. Also speaks of brain attack, Mini-stroke."
