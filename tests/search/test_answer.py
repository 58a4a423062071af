from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg_builder.projection import Projection
from search.answer import Answer, search
from search.article import Article
from search.explain import SNIPPET_CHARACTERS
from search.gate import Gate
from search.index import TextIndex
from search.index_files import write_index
from search.query import Filters, Query
from strokemap.errors import ListOutdated, QueryInvalid, TermUnknown
from strokemap.progress import silent

Ask = Callable[..., Answer]


@pytest.fixture(scope="session")
def ask(tiny_map: Projection, tiny_index: TextIndex, gate: Gate) -> Ask:
    """Search the tiny index."""

    def answer(text: str, **switches: object) -> Answer:
        return search(Query(text=text, **switches), projection=tiny_map, index=tiny_index, gate=gate)  # type: ignore[arg-type]

    return answer


def ids(answer: Answer) -> list[str]:
    return [result.id for result in answer.results]


def test_an_answer_tells_how_the_query_was_understood(ask: Ask):
    answer = ask("mini stroke, then trouble baking words")
    assert [(term.term, term.start, term.end) for term in answer.terms] == [("Transient ischemic attack", 0, 11)]
    assert answer.unlinked == ("trouble", "baking", "words")
    assert answer.build == "ab" * 32
    assert answer.query == "mini stroke, then trouble baking words"


def test_expansion_finds_what_the_words_alone_miss(ask: Ask):
    assert "lib:warn" not in ids(ask("ministroke", expand=False))
    assert ids(ask("ministroke"))[0] == "lib:warn"


def test_the_own_words_dominate(ask: Ask):
    assert ids(ask("bread after a stroke"))[0] == "lib:twin-a"


@pytest.mark.parametrize("text", ["stroke", "aphasia words", "mini-stroke and trouble finding words", "bread"])
def test_the_parts_add_up_to_the_score(text: str, ask: Ask):
    results = ask(text).results
    assert results
    for result in results:
        assert math.fsum(part.score for part in result.parts) == pytest.approx(result.score, abs=1e-6)
        assert all(bool(part.word) != bool(part.term) and part.score > 0 for part in result.parts)


def test_results_fall_in_score_and_ties_are_in_order_of_id(ask: Ask):
    found = [(-result.score, result.id) for result in ask("bread stroke brain").results]
    assert found == sorted(found)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    text=st.sampled_from(["stroke", "brain words bread", "mini stroke help", "the stroke -bread", "aphasia"]),
    audience=st.sampled_from(["clinician", "patient"]),
    limit=st.integers(1, 4),
)
def test_pages_put_together_are_the_whole_list(text: str, audience: str, limit: int, ask: Ask):
    whole = ask(text, audience=audience, limit=50)
    assert not whole.more
    together: list[str] = []
    for offset in range(0, 50, limit):
        page = ask(text, audience=audience, limit=limit, offset=offset, index=whole.index)
        together += ids(page)
        assert page.more == (len(together) < len(whole.results))
    assert together == ids(whole)


def test_a_page_of_another_index_is_refused(ask: Ask):
    with pytest.raises(ListOutdated):
        ask("stroke", offset=10, index="ab" * 32)


@pytest.mark.parametrize("offset", [-1, 991])
def test_a_page_beyond_the_last_that_is_allowed_is_refused(offset: int, ask: Ask):
    with pytest.raises(QueryInvalid):
        ask("stroke", offset=offset)


def test_many_articles_of_one_score_are_paged_in_order_of_id(tiny_map: Projection, gate: Gate, tmp_path: Path):
    many = [Article(id=f"lib:{number:03}", title=f"Bread {number}", text="Bake it.") for number in range(150)]
    index = write_index(reversed(many), folder=tmp_path / "index", progress=silent)
    pages = [
        result.id
        for offset in range(0, 150, 7)
        for result in search(
            Query(text="bread", limit=7, offset=offset), projection=tiny_map, index=index, gate=gate
        ).results
    ]
    assert pages == [article.id for article in many]


def test_patients_get_easy_articles_sooner_and_clinicians_articles_later_and_are_told(
    tiny_map: Projection, gate: Gate, tmp_path: Path
):
    articles = [
        Article(id=f"lib:{id}", title="Bread", text=f"{word} bread with care.", reading_grade=grade, audience=audience)
        for id, word, grade, audience in (
            ("a", "Bake", 6.0, "clinician"),
            ("b", "Make", 12.0, ""),
            ("c", "Have", 8.0, "patient"),
        )
    ]
    index = write_index(articles, folder=tmp_path / "index", progress=silent)
    found = {
        audience: search(Query(text="bread", audience=audience), projection=tiny_map, index=index, gate=gate).results
        for audience in ("clinician", "patient")
    }
    assert [result.id for result in found["clinician"]] == ["lib:a", "lib:b", "lib:c"]
    assert [result.id for result in found["patient"]] == ["lib:c", "lib:b", "lib:a"]
    assert [result.why.partition(". ")[2] for result in found["patient"]] == [
        "Is easy to read.",
        "",
        "Is written for health professionals.",
    ]
    for result in found["patient"]:
        assert math.fsum(part.score for part in result.parts) == pytest.approx(result.score, abs=1e-6)


def test_where_nothing_is_easy_and_nothing_is_for_clinicians_patients_get_the_same_order(
    tiny_map: Projection, gate: Gate, tmp_path: Path
):
    papers = [
        Article(id=f"lib:{number}", title=f"Flow {number}", text="lift " * number, reading_grade=8.1 + number)
        for number in range(1, 9)
    ]
    index = write_index(papers, folder=tmp_path / "index", progress=silent)
    found = [
        search(Query(text="lift flow", audience=audience), projection=tiny_map, index=index, gate=gate).results
        for audience in ("clinician", "patient")
    ]
    assert found[0] == found[1]


def test_an_easy_article_on_something_else_is_not_found(ask: Ask):
    assert "lib:twin-a" not in ids(ask("stroke", audience="patient", limit=50))


def test_a_limit_gives_the_first_of_the_longer_list(ask: Ask):
    assert ids(ask("stroke", limit=2)) == ids(ask("stroke"))[:2]


def test_filters_keep_to_source_kind_and_stage(ask: Ask):
    assert ids(ask("stroke", filters=Filters(source="Heart House"))) == ["lib:heart"]
    assert ids(ask("stroke words", filters=Filters(kind="do", stage="late"))) == ["lib:talk"]
    assert ids(ask("stroke", filters=Filters(kind="caregiver"))) == []


def test_a_dash_leaves_out_whatever_holds_the_word(ask: Ask):
    assert "lib:talk" in ids(ask("stroke words"))
    assert "lib:talk" not in ids(ask("stroke words -games"))


def test_without_leaves_out_only_what_is_about_it(ask: Ask):
    found = ids(ask("brain without aphasia"))
    assert "wiki:Aphasia#" not in found
    assert "lib:talk" not in found
    assert "wiki:Stroke#" in found


def test_quoted_words_must_stand_together(ask: Ask):
    assert ids(ask('"loss of words"')) == ["wiki:Aphasia#"]
    assert ids(ask('"words of loss"')) == []


def test_what_is_left_out_is_left_out_in_its_other_names_and_spellings(ask: Ask):
    assert "wiki:Aphasia#" in ids(ask("brain"))
    assert "wiki:Aphasia#" not in ids(ask("brain without dysphasia"))
    assert "lib:warn" in ids(ask("help ischemic"))
    assert "lib:warn" not in ids(ask("help -ischaemic"))


def test_terms_are_added_and_left_out_by_hand(ask: Ask):
    assert "Warfarin" not in {term.term for term in ask("aphasia").expansion}
    assert "Warfarin" in {term.term for term in ask("aphasia", with_terms=("warfarin",)).expansion}
    assert "Stroke" not in {term.term for term in ask("aphasia", without_terms=("Brain attack",)).expansion}
    assert [term.term for term in ask("bread", expand=False, with_terms=("Stroke",)).expansion] == ["Stroke"]


def test_an_unknown_term_passes_through_with_its_option(ask: Ask):
    with pytest.raises(TermUnknown) as caught:
        ask("stroke", without_terms=("Afasia",))
    assert caught.value.where == "without[0]"


def test_a_snippet_marks_own_words_and_terms(ask: Ask):
    warn = next(result for result in ask("ministroke help").results if result.id == "lib:warn")
    marked = {warn.snippet[mark.start : mark.end]: mark.by for mark in warn.highlights}
    assert marked == {"transient ischemic attack": "term", "help": "word"}


def test_a_snippet_is_short_plain_text_whatever_the_article_holds(ask: Ask, tiny_index: TextIndex):
    for result in ask("stroke words brain").results:
        assert len(result.snippet) <= SNIPPET_CHARACTERS
        assert "\n" not in result.snippet
        article = tiny_index.article(result.id)
        assert result.snippet in " ".join(article.text.split("\n"))
        places = [(mark.start, mark.end) for mark in result.highlights]
        assert places == sorted(places)
        assert all(a[1] <= b[0] for a, b in pairwise(places))


@pytest.mark.parametrize(
    "text", ["???", "the of and", "-stroke", '""', "\x00", "\ud800", "AND OR NOT", "title:x^2 [a TO b]"]
)
def test_odd_queries_are_answered(text: str, ask: Ask):
    assert ask(text).query == text.replace("\ud800", "?")


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_a_blank_query_finds_nothing_and_says_why(text: str, ask: Ask):
    answer = ask(text)
    assert (answer.results, answer.unlinked, answer.expansion) == ((), (), ())
    assert answer.why_no_expansion


def test_the_same_question_has_the_same_answer(ask: Ask):
    assert ask("mini stroke, trouble finding words") == ask("mini stroke, trouble finding words")


_WORDS = st.sampled_from(
    [
        "stroke",
        "words",
        "PT",
        "TIA",
        "-",
        '"',
        "without",
        "bread",
        "strok",
        "damage",
        "haemorrhage",
        "the",
        "(",
        "*",
        "^2",
        "title:",
        "\\",
        "é",
        "\x00",
        "\ud800",
    ]
)
_QUERIES = st.one_of(st.text(max_size=60), st.lists(_WORDS, max_size=8).map(" ".join))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(text=_QUERIES, audience=st.sampled_from(["clinician", "patient"]))
def test_any_string_is_a_query_and_expansion_never_empties_the_list(text: str, audience: str, ask: Ask):
    plain, wide = ask(text, audience=audience, expand=False), ask(text, audience=audience)
    assert len(wide.results) >= len(plain.results)
    for result in wide.results:
        assert math.fsum(part.score for part in result.parts) == pytest.approx(result.score, abs=1e-6)


def test_words_that_name_nothing_lead_to_the_page_that_begins_with_them(ask: Ask):
    found = {term.term: term for term in ask("loss of language after damage to the brain").expansion}
    assert found["Aphasia"].reason == "its page has these words at the beginning"
    assert "Aphasia" not in {term.term for term in ask("bread after damage to the brain").expansion}


def test_a_misspelt_word_is_searched_as_it_was_meant(ask: Ask):
    answer = ask("strok")
    assert [(term.term, term.surface) for term in answer.terms] == [("Stroke", "strok")]
    assert ("stroke", "no text has “strok”") in {(term.term, term.reason) for term in answer.expansion}
    assert answer.results
    assert ask("strok", expand=False).results == ()


def test_patients_are_told_the_word_that_was_meant(ask: Ask):
    answer = ask("disphasia after strok", audience="patient")
    assert (answer.said["Aphasia"], answer.said["Stroke"]) == ("dysphasia", "stroke")
    told = [*(result.why for result in answer.results), *(term.reason for term in answer.expansion)]
    assert any("dysphasia" in sentence for sentence in told)
    # Only the reason of the correction itself repeats the mistake.
    assert not [sentence for sentence in told if "disphasia" in sentence and "no text has" not in sentence]


def test_patients_are_not_told_of_neighbours_without_a_plain_name(ask: Ask):
    answer = ask("brain attack", audience="patient", limit=50)
    assert (answer.said["Stroke"], answer.said["Transient ischemic attack"]) == ("brain attack", "Mini-stroke")
    assert answer.said["Physical therapy"] == ""
    reasons = [result.why for result in answer.results]
    assert all(reasons)
    assert not any(name in why for why in reasons for name in ("Physi", "Transient", "Aphasia"))
    assert "Speaks of what often goes with your words." in " ".join(reasons)


def test_what_the_texts_added_is_left_out_by_its_name(ask: Ask):
    assert "stroke" not in {term.term for term in ask("strok", without_terms=("stroke",)).expansion}


def test_the_longest_query_is_answered(ask: Ask):
    assert ask(" ".join(f"word{number}" for number in range(1100)) + " stroke").results
    assert ask("stroke " + "x" * 9_900).results
    assert ask("stroke " + " ".join(f"wo{'rd' * (number % 7 + 2)}s" for number in range(500))).results
