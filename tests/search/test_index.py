from __future__ import annotations

from pathlib import Path

import pytest

from kg_builder.projection import Projection
from search.article import Article
from search.index import (
    ALL,
    STOP_WORDS,
    Clause,
    Request,
    TextIndex,
)
from search.index_files import build_index, open_index, published_index, write_index
from search.library import Library
from strokemap.errors import ArticleUnknown, IndexMissing
from strokemap.home import Home
from strokemap.progress import silent
from strokemap.text import word_spans


def ask(index: TextIndex, phrase: str, *, field: str = ALL) -> tuple[str, ...]:
    return index.find(Request(groups=((Clause(field=field, stems=index.stems(phrase)),),)), limit=10)


def test_articles_and_pages_are_found_by_their_words(tiny_index: TextIndex):
    assert ask(tiny_index, "games") == ("lib:talk",)
    assert "wiki:Stroke#Signs & symptoms" in ask(tiny_index, "face hangs")
    assert len(tiny_index) == 6 + 3


def test_sections_that_only_point_elsewhere_are_no_articles(tiny_index: TextIndex):
    with pytest.raises(ArticleUnknown):
        tiny_index.article("wiki:Aphasia#References")


def test_a_section_is_an_article_with_its_address(tiny_index: TextIndex):
    lead, signs = tiny_index.article("wiki:Stroke#"), tiny_index.article("wiki:Stroke#Signs & symptoms")
    assert (lead.url, lead.section) == ("https://en.wikipedia.org/wiki/Stroke", "")
    assert (signs.url, signs.section) == ("https://en.wikipedia.org/wiki/Stroke#Signs_%26_symptoms", "Signs & symptoms")
    assert (signs.kind, signs.source, signs.subjects) == ("understand", "Wikipedia", ("Stroke",))


def test_an_article_comes_back_as_it_went_in(tiny_index: TextIndex, tiny_articles: tuple[Article, ...]):
    back = [tiny_index.article(article.id) for article in tiny_articles]
    assert [(article.title, article.text, article.subjects) for article in back] == [
        (article.title, article.text, article.subjects) for article in tiny_articles
    ]


def test_words_are_stemmed_and_small_words_keep_their_place(tiny_index: TextIndex):
    assert tiny_index.stems("The strokes of the Patient’s café") == ((1, "stroke"), (4, "patient"), (5, "cafe"))
    assert all(tiny_index.stems(word) == () for word in STOP_WORDS)


def test_a_phrase_is_found_across_its_small_words_only(tiny_index: TextIndex):
    assert ask(tiny_index, "heart may send a clot to the brain") == ("lib:heart",)
    assert ask(tiny_index, "heart send clot") == ()


@pytest.mark.parametrize(
    "text", ["naïve café", "½ cup", "x²", "中风 病人", "a_b", "don’t", "ﬁbre", "Ⅳ drip", "I'm 5'6"]
)
def test_the_index_parts_words_as_the_ground_does(text: str, tmp_path: Path):
    index = write_index([Article(id="lib:a", title="t", text=text)], folder=tmp_path / "i", progress=silent)
    for start, end in word_spans(text):
        if index.stems(text[start:end]):
            assert ask(index, text[start:end]) == ("lib:a",), text[start:end]


def test_equal_scores_come_in_order_of_id(tiny_index: TextIndex):
    assert ask(tiny_index, "bread") == ("lib:twin-a", "lib:twin-b")


def test_a_group_scores_its_best_clause_alone(tiny_index: TextIndex):
    clauses = tuple(Clause(field=ALL, stems=tiny_index.stems(word)) for word in ("bread", "bake"))
    single = [tiny_index.scores([clause], ids=["lib:twin-a"])[0]["lib:twin-a"] for clause in clauses]
    assert all(score > 0 for score in single)
    assert tiny_index.scores(clauses[:1], ids=["lib:talk"]) == [{}]


def test_filters_and_exclusions_keep_articles_out(tiny_index: TextIndex):
    stroke = ((Clause(field=ALL, stems=tiny_index.stems("stroke")),),)
    everything = tiny_index.find(Request(groups=stroke), limit=10)
    assert set(everything) > {"lib:talk", "lib:heart", "lib:warn"}
    late = Clause(field="stage", stems=((0, "late"),))
    assert tiny_index.find(Request(groups=stroke, required=(late,)), limit=10) == ("lib:talk",)
    games = Clause(field=ALL, stems=tiny_index.stems("games"))
    assert tiny_index.find(Request(groups=stroke, required=(games,)), limit=10) == ("lib:talk",)
    assert set(tiny_index.find(Request(groups=stroke, forbidden=(games,)), limit=10)) == {*everything} - {"lib:talk"}


def test_an_index_made_twice_in_another_order_answers_alike(tiny_articles: tuple[Article, ...], tmp_path: Path):
    there = write_index(tiny_articles, folder=tmp_path / "a", progress=silent)
    back = write_index(reversed(tiny_articles), folder=tmp_path / "b", progress=silent)
    for word in ("stroke", "bread", "words", "brain"):
        clause = Clause(field=ALL, stems=there.stems(word))
        ids = ask(there, word)
        assert ids == ask(back, word)
        assert there.scores([clause], ids=ids) == back.scores([clause], ids=ids)


def test_an_index_that_is_there_is_opened_and_not_made_again(
    tiny_map: Projection, tiny_articles: tuple[Article, ...], tmp_path: Path
):
    library = Library.open(tmp_path / "library")
    library.add(iter(tiny_articles))
    parts = {"library": library, "projection": tiny_map, "folder": tmp_path / "index", "progress": silent}
    first = build_index(**parts)  # type: ignore[arg-type]
    made = (first.folder / "manifest.json").stat().st_mtime_ns
    again = build_index(**parts, edited=first.digest)  # type: ignore[arg-type]
    assert again.digest == first.digest
    assert (first.folder / "manifest.json").stat().st_mtime_ns == made


@pytest.mark.parametrize("damage", ["manifest.json", "base/meta.json", "articles.db"])
def test_a_damaged_index_is_refused_and_made_anew(damage: str, tiny_map: Projection, tmp_path: Path):
    parts = {"library": Library.open(tmp_path / "library"), "projection": tiny_map, "folder": tmp_path / "index"}
    folder = build_index(**parts, progress=silent).folder  # type: ignore[arg-type]
    (folder / damage).write_text("{")
    with pytest.raises(IndexMissing):
        open_index(folder).article("wiki:Stroke#")
    if damage != "articles.db":
        assert len(build_index(**parts, progress=silent)) == 3  # type: ignore[arg-type]


def test_a_run_cut_off_leaves_nothing_behind(tmp_path: Path):
    def articles():  # type: ignore[no-untyped-def]
        yield Article(id="lib:a", title="t", text="x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_index(articles(), folder=tmp_path / "index", progress=silent)
    assert list(tmp_path.iterdir()) == []


def test_the_digest_names_map_and_library(tiny_map: Projection, tmp_path: Path, tiny_articles: tuple[Article, ...]):
    library = Library.open(tmp_path / "library")
    parts = {"library": library, "projection": tiny_map, "folder": tmp_path / "index", "progress": silent}
    empty = build_index(**parts)  # type: ignore[arg-type]
    library.add(iter(tiny_articles))
    full = build_index(**parts)  # type: ignore[arg-type]
    assert empty.digest != full.digest
    other = Library.open(tmp_path / "other")
    other.add(reversed(tiny_articles))
    assert build_index(**parts | {"library": other, "folder": tmp_path / "there"}).digest == full.digest  # type: ignore[arg-type]


def test_the_published_index_is_the_one_pointed_to(home: Home, tiny_articles: tuple[Article, ...]):
    with pytest.raises(IndexMissing):
        published_index(home)
    write_index(tiny_articles, folder=home.index / "one", progress=silent)
    home.point("index", "one")
    assert published_index(home).digest == "one"
    home.point("index", "two")
    with pytest.raises(IndexMissing):
        published_index(home)


def test_progress_is_told_to_the_end(tiny_articles: tuple[Article, ...], tmp_path: Path):
    told: list[tuple[str, int, int | None]] = []
    write_index(tiny_articles, folder=tmp_path / "i", progress=lambda *what: told.append(what))
    assert told[-1] == ("indexing articles", 6, 6)
