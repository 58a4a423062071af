from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from api.indexing import KEPT, correct_article, make_index
from api.reader import Reader
from kg_builder.projection import Projection
from search.article import Article
from search.index import TextIndex
from search.index_files import MOST_EDITS, build_index
from search.library import Library
from search.query import Filters
from search.retrieve import WeightedQuery, retrieve
from strokemap.home import Home
from strokemap.progress import silent


@pytest.fixture
def library(tmp_path: Path, tiny_articles: tuple[Article, ...]) -> Library:
    """A library with the tiny articles."""
    library = Library.open(tmp_path / "library")
    library.add(iter(tiny_articles))
    return library


Build = Callable[..., TextIndex]


@pytest.fixture
def build(library: Library, tiny_map: Projection, tmp_path: Path) -> Build:
    """Index the library, by its edits where ``edited`` names an index."""

    def made(edited: str = "") -> TextIndex:
        folder = tmp_path / "index"
        return build_index(library=library, projection=tiny_map, folder=folder, progress=silent, edited=edited)

    return made


def ids(index: TextIndex, *words: str) -> list[str]:
    found = retrieve(WeightedQuery(words=words), index=index, filters=Filters(), limit=20)
    return [hit.id for hit in found]


def test_an_edit_is_found_in_place_of_what_was_there(library: Library, build: Build):
    whole = build()
    library.correct("lib:walk", "title", "Climbing stairs")
    library.add(iter([Article(id="lib:new", title="A new one", text="On stairs and ramps.")]))
    edited = build(whole.digest)
    assert ids(edited, "stairs") == ["lib:walk", "lib:new"] or ids(edited, "stairs") == ["lib:new", "lib:walk"]
    assert ids(edited, "falling") == []
    assert ids(whole, "falling") == ["lib:walk"]
    assert edited.article("lib:walk").title == "Climbing stairs"
    assert len(edited) == len(whole) + 1


def test_edits_of_edits_depend_on_the_whole_index_and_the_library_only(library: Library, build: Build):
    whole = build()
    library.correct("lib:walk", "kind", "care")
    first = build(whole.digest)
    library.correct("lib:talk", "kind", "care")
    second = build(first.digest)
    assert second.digest == build(whole.digest).digest != first.digest
    assert {second.article(id).kind for id in ("lib:walk", "lib:talk")} == {"care"}


def test_an_edit_taken_back_gives_the_whole_index_again(library: Library, build: Build):
    whole = build()
    library.correct("lib:walk", "kind", "care")
    edited = build(whole.digest)
    library.correct("lib:walk", "kind", "do")
    assert build(edited.digest).digest == whole.digest


def test_edited_and_whole_index_find_the_same_with_nearly_the_same_scores(library: Library, build: Build):
    before = build()
    library.correct("lib:heart", "title", "When the heart is out of step")
    edited, anew = build(before.digest), build()
    assert edited.digest != anew.digest
    for words in (("stroke",), ("heart", "step"), ("brain", "words")):
        assert sorted(ids(edited, *words)) == sorted(ids(anew, *words))
    scores = [
        {
            hit.id: hit.score
            for hit in retrieve(WeightedQuery(words=("stroke",)), index=index, filters=Filters(), limit=20)
        }
        for index in (edited, anew)
    ]
    assert scores[0] == pytest.approx(scores[1], rel=0.2)


def test_articles_of_an_older_version_do_not_count_as_edited(library: Library, build: Build):
    with closing(sqlite3.connect(library.folder / "library.db")) as database, database:
        # An older version knew fewer fields, and so had another digest for the same article.
        database.execute("UPDATE articles SET hash = 'older' || id")
    whole = build()
    library.correct("lib:walk", "kind", "care")
    edited = build(whole.digest)
    assert edited.digest != build().digest
    assert edited.article("lib:walk").kind == "care"


def test_many_edits_are_indexed_anew(library: Library, build: Build):
    whole = build()
    library.add(Article(id=f"lib:{number}", title="t", text=f"text {number}") for number in range(MOST_EDITS + 1))
    assert build(whole.digest).digest == build().digest


def test_an_index_of_another_map_or_library_is_not_edited(
    library: Library, build: Build, tiny_map: Projection, tmp_path: Path
):
    whole = build()
    emptier = Library.open(tmp_path / "emptier")
    parts = {"library": emptier, "projection": tiny_map, "folder": whole.folder.parent, "progress": silent}
    assert build_index(**parts, edited=whole.digest).digest == build_index(**parts).digest  # type: ignore[arg-type]


def test_near_duplicates_are_folded_into_the_best_and_changed_ones_no_more(library: Library, build: Build):
    whole = build()
    (hit,) = retrieve(WeightedQuery(words=("bread",)), index=whole, filters=Filters(), limit=5)
    assert (hit.id, hit.also) == ("lib:twin-a", ("lib:twin-b",))
    library.correct("lib:twin-a", "title", "Bread of another kind altogether")
    assert sorted(ids(build(whole.digest), "bread")) == ["lib:twin-a", "lib:twin-b"]
    library.add(iter([Article(id="lib:twin-c", title="Bread", text="Bake it slowly.")]))
    folds = build(whole.digest).folds(["lib:twin-a", "lib:twin-b", "lib:twin-c"])
    assert folds["lib:twin-b"] == folds["lib:twin-c"] != folds["lib:twin-a"]


@pytest.fixture
def reading(home: Home, tiny_map: Projection, tiny_articles: tuple[Article, ...]) -> Reader:
    """The read side of a home in which the tiny map is published and the tiny articles are indexed."""
    home.projections.mkdir(parents=True)
    (home.projections / tiny_map.digest).symlink_to(tiny_map._folder)
    home.point("map", tiny_map.digest)
    Library.open(home.library).add(iter(tiny_articles))
    make_index(home, progress=silent)
    return Reader(home)


def test_a_correction_is_seen_by_a_reader_that_was_there_before(home: Home, reading: Reader):
    before = reading.current().index
    correct_article(home, "lib:walk", field="title", value="Climbing stairs")
    assert ids(reading.current().index, "stairs") == ["lib:walk"]
    assert ids(before, "stairs") == []


def test_readers_never_fail_while_indexes_are_swapped_and_old_ones_removed(home: Home, reading: Reader):
    failures: list[Exception] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                index = reading.current().index
                assert ids(index, "stroke")
                assert index.article("lib:walk").text
            except Exception as error:
                failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(3 * KEPT):
        correct_article(home, "lib:walk", field="title", value=f"Climbing {number} stairs")
        if number % 4 == 3:
            make_index(home, progress=silent, anew=True)
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []
    # The present one, the one that it edits, and a few for readers that are late.
    assert len(list(home.index.iterdir())) <= KEPT + 2
