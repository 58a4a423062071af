from __future__ import annotations

import pytest

from kg_builder.projection import Projection
from search.article import Article
from search.describe import MOST_TERMS, describe, mark_terms
from search.linker import link
from search.query import Query, read_words

TEXT = "When you had a stroke it can be hard to find the words that you want to say. " * 3


def described(tiny_map: Projection, **fields: object) -> Article:
    return describe(Article(**{"id": "lib:a", "title": "T", "text": TEXT} | fields), projection=tiny_map)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("title", "kind", "stage"),
    [
        ("How to prevent a second stroke", "prevent", ()),
        ("Treatment of acute stroke", "care", ("acute",)),
        ("Exercises for the weak arm", "do", ()),
        ("For caregivers: treatment at home", "caregiver", ()),
        ("Living with aphasia", "after-care", ("life after",)),
        ("Rehabilitation", "care", ("early", "late")),
        ("Are you at risk?", "understand", ("at risk",)),
        ("What is aphasia?", "understand", ()),
    ],
)
def test_kind_and_stage_are_told_from_the_title(title: str, kind: str, stage: tuple[str, ...], tiny_map: Projection):
    article = described(tiny_map, title=title)
    assert (article.kind, article.stage) == (kind, stage)


def test_the_heading_of_a_section_tells_too(tiny_map: Projection):
    assert described(tiny_map, id="wiki:Stroke#Prevention", title="Stroke").kind == "prevent"


def test_what_is_said_already_stands(tiny_map: Projection):
    said = {"kind": "care", "stage": ("late",), "language": "de", "terms": ("Zoster",)}
    article = described(tiny_map, title="How to prevent aphasia", **said)
    assert {name: getattr(article, name) for name in said} == said


def test_terms_of_the_title_come_first_then_those_named_most_often(tiny_map: Projection):
    text = "TIA and warfarin. Warfarin, warfarin. " + TEXT
    assert described(tiny_map, title="After a brain attack", text=text).terms[:2] == ("Stroke", "Warfarin")
    many = " ".join(tiny_map.titles)
    assert len(described(tiny_map, title=many, text=many).terms) == MOST_TERMS


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (TEXT, "en"),
        ("Nach einem Schlaganfall fällt es vielen schwer, die richtigen Worte zu finden, und sie üben lange.", ""),
        ("Après un accident vasculaire cérébral, trouver ses mots devient difficile pour beaucoup de patients.", ""),
        ("…", ""),
    ],
)
def test_english_is_told_from_other_languages(text: str, language: str, tiny_map: Projection):
    assert described(tiny_map, text=text).language == language


def test_a_texts_entities_are_the_terms_that_a_query_of_it_names(tiny_map: Projection):
    text = "  Aphasia/mini-stroke;after a “Brain attack” —TIAs, and irregular heartbeats\n\U0001f600stroke."
    doc = mark_terms(text, projection=tiny_map)
    named = link(read_words(Query(text=text)), projection=tiny_map).terms
    assert doc.text == text
    assert [(item.kb_id_, item.text, item.start_char) for item in doc.ents] == [
        (term.term, term.surface, term.start) for term in named
    ]
    assert len(named) == 6
