from __future__ import annotations

import threading
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg_builder.columns import (
    WeightedRows,
    hash_key,
    read_array,
    read_lists,
    read_strings,
    write_array,
    write_lists,
    write_strings,
)
from kg_builder.model import Build, PageText
from kg_builder.pagerank import CHANGE, DAMPING, KEPT, LEAST, vectors
from kg_builder.projection import Projection, TermId, make_projection, published_projection
from strokemap.errors import HomeUnwritable, NothingPublished, ProjectionMissing
from strokemap.home import Home
from strokemap.progress import silent
from strokemap.text import name_key


@pytest.fixture
def tiny(tiny_build: Build, tiny_texts: tuple[PageText, ...], tmp_path: Path) -> Projection:
    return make_projection(tiny_build, texts=tiny_texts, folder=tmp_path / "projections" / tiny_build.digest)


def term(projection: Projection, title: str) -> TermId:
    found = projection.term(title)
    assert found is not None, title
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- what it holds --------------------------------------------------------------------------------------------------


def test_projection_gives_back_every_term_of_the_build(tiny: Projection, tiny_build: Build) -> None:
    assert len(tiny) == len(tiny_build.terms)
    assert tiny.digest == tiny_build.digest
    assert tiny.topic == "stroke"
    assert list(tiny.titles) == [item.title for item in tiny_build.terms]
    for rank, item in enumerate(tiny_build.terms):
        known = term(tiny, item.title)
        assert known == rank
        assert tiny.other_names(known) == item.other_names
        assert tiny.codes(known) == item.codes
        assert tiny.summary(known) == item.summary
        assert tiny.path_length(known) == item.path_length
        assert tiny.relevance(known) == item.relevance


def test_titles_behave_as_a_sequence(tiny: Projection) -> None:
    assert tiny.titles[-1] == "Zoster"
    assert list(tiny.titles[1:3]) == ["Atrial fibrillation", "Medicine"]
    assert "Stroke" in tiny.titles
    with pytest.raises(IndexError):
        tiny.titles[len(tiny)]


@pytest.mark.parametrize("title", ["", "Stroke ", "stroke", "AAA", "Zzz", "Dysphasia"])
def test_a_title_that_no_term_has_gives_none(tiny: Projection, title: str) -> None:
    assert tiny.term(title) is None


def test_names_are_found_under_their_folded_key_titles_first(tiny: Projection) -> None:
    found = tiny.find(name_key("STROKES"))
    assert [(tiny.titles[name.term], name.name, name.is_title) for name in found] == [
        ("Stroke", "Stroke", True),
        ("Stroke", "Strokes", False),
    ]
    assert [name.name for name in tiny.find(name_key("a–fib"))] == ["A-fib"]
    assert tiny.find(name_key("nothing of the kind")) == ()
    assert tiny.find("") == ()
    assert tiny.longest_name == 3


def test_a_name_shared_by_two_terms_gives_both(tiny_build: Build, tmp_path: Path) -> None:
    first, *rest = tiny_build.terms
    shared = replace(tiny_build, terms=(replace(first, other_names=("AF",)), *rest))
    projection = make_projection(shared, texts=(), folder=tmp_path / "shared")
    assert [projection.titles[name.term] for name in projection.find("af")] == ["Aphasia", "Atrial fibrillation"]


def test_names_that_share_a_hash_are_told_apart_by_their_key(tiny: Projection, tmp_path: Path) -> None:
    folder = tmp_path / "projections" / tiny.digest
    hashes = read_array(folder, "name_hashes")
    write_array(folder, "name_hashes", np.full(len(hashes), hash_key("warfarin"), dtype=np.uint64))
    assert [name.name for name in Projection.open(folder).find("warfarin")] == ["Warfarin"]


def test_texts_come_back_by_title_without_pages_that_are_no_terms(
    tiny: Projection, tiny_build: Build, tiny_texts: tuple[PageText, ...], tmp_path: Path
) -> None:
    wanted = [tiny_texts[0], tiny_texts[2]]
    assert list(tiny.texts()) == wanted
    backwards = make_projection(tiny_build, texts=reversed(tiny_texts), folder=tmp_path / "backwards")
    assert list(backwards.texts()) == wanted


def test_one_term_without_links_makes_a_projection(tiny_build: Build, tmp_path: Path) -> None:
    alone = replace(tiny_build, terms=tiny_build.terms[:1], links=())
    projection = make_projection(alone, texts=(), folder=tmp_path / "alone")
    neighbours, weights = projection.neighbours(TermId(0))
    assert (len(neighbours), len(weights)) == (0, 0)
    assert projection.specificity(TermId(0)) == 1.0
    terms, entries = projection.vector(TermId(0))
    assert (terms.tolist(), entries.tolist()) == ([0], [1.0])
    assert list(projection.texts()) == []


# --- links, specificity, vectors ------------------------------------------------------------------------------------


def test_links_are_seen_from_both_terms_with_the_weight_that_the_formula_gives(tiny: Projection) -> None:
    aphasia, stroke = term(tiny, "Aphasia"), term(tiny, "Stroke")
    for one, other in ((aphasia, stroke), (stroke, aphasia)):
        terms, weights = tiny.neighbours(one)
        assert sorted(terms.tolist()) == terms.tolist()
        # Three mentions, one of them in the lead, and both pages mention each other.
        assert weights[terms.tolist().index(other)] == pytest.approx(np.log2(1 + 4) * 1.5)


def test_specificity_falls_with_the_number_of_neighbours_from_one_towards_zero(tiny: Projection) -> None:
    ranked = sorted(range(len(tiny)), key=lambda rank: len(tiny.neighbours(TermId(rank))[0]))
    values = [tiny.specificity(TermId(rank)) for rank in ranked]
    assert values == sorted(values, reverse=True)
    assert values[0] == 1.0
    assert 0 <= values[-1] < values[0]


def power_iteration(weights: np.ndarray) -> np.ndarray:
    """Personalised PageRank from its definition, over a dense matrix, without our code; row s starts at s."""
    steps = np.array([row / row.sum() if row.sum() else np.eye(len(weights))[i] for i, row in enumerate(weights)])
    vectors = np.eye(len(weights))
    for _ in range(100):
        vectors = (1 - DAMPING) * np.eye(len(weights)) + DAMPING * vectors @ steps
    return vectors


@pytest.mark.parametrize("seed", range(5))
def test_vectors_equal_a_plain_power_iteration_over_the_whole_graph(seed: int) -> None:
    random = np.random.default_rng(seed)
    size = 150
    weights = np.triu(random.random((size, size)) * (random.random((size, size)) < 0.05), 1).astype(np.float32)
    weights = weights + weights.T
    weights[3, :] = weights[:, 3] = 0
    rows, columns = np.nonzero(weights)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=size))])
    made = vectors(WeightedRows(offsets, columns.astype(np.int32), weights[rows, columns]), progress=silent)
    for start, exact in enumerate(power_iteration(weights.astype(np.float64))):
        row = slice(made.offsets[start], made.offsets[start + 1])
        terms, entries = made.terms[row], made.weights[row]
        assert np.abs(entries - exact[terms]).max() <= CHANGE
        assert len(terms) == min(KEPT, (exact >= LEAST).sum()) or np.abs(exact - LEAST).min() < CHANGE
        assert np.all(np.diff(entries) <= 0)
        left_out = np.delete(exact, terms)
        assert left_out.size == 0 or left_out.max() <= max(entries.min(), LEAST) + CHANGE
        assert terms[0] == start


def test_vectors_add_up_for_several_starting_terms(tiny: Projection, tiny_build: Build) -> None:
    size = len(tiny)
    weights = np.zeros((size, size))
    for rank in range(size):
        terms, entries = tiny.neighbours(TermId(rank))
        weights[rank, terms] = entries
    exact = power_iteration(weights)
    together = 0.25 * exact[0] + 0.75 * exact[4]
    added = np.zeros(size)
    for rank, share in ((0, 0.25), (4, 0.75)):
        terms, entries = tiny.vector(TermId(rank))
        added[terms] += share * entries
    assert np.abs(added - together).max() <= CHANGE


# --- paths ----------------------------------------------------------------------------------------------------------


def test_a_path_gives_a_sentence_for_each_step_and_the_page_where_it_stands(tiny: Projection) -> None:
    steps = tiny.path(term(tiny, "Speech therapy"), term(tiny, "Stroke"))
    assert [(step.source, step.target, step.sentence, step.section, step.page) for step in steps] == [
        ("Speech therapy", "Aphasia", "It treats aphasia.", "", "Speech therapy"),
        ("Aphasia", "Stroke", "Aphasia is most often caused by stroke.", "", "Aphasia"),
    ]


def test_a_step_against_the_only_evidence_names_the_other_page(tiny: Projection) -> None:
    (step,) = tiny.path(term(tiny, "Atrial fibrillation"), term(tiny, "Stroke"))
    assert (step.source, step.target, step.page) == ("Atrial fibrillation", "Stroke", "Stroke")
    assert step.sentence == "Atrial fibrillation is a cause."


def test_of_equal_paths_the_one_over_the_more_specific_term_is_taken(tiny: Projection) -> None:
    # Over Medicine (three links) or over Stroke (three links): a tie, so the first by title.
    steps = tiny.path(term(tiny, "Aphasia"), term(tiny, "Atrial fibrillation"))
    assert [step.target for step in steps] == ["Medicine", "Atrial fibrillation"]


@pytest.mark.parametrize(
    ("start", "end", "longest"),
    [("Stroke", "Stroke", 3), ("Stroke", "Zoster", 3), ("Speech therapy", "Warfarin", 3), ("Aphasia", "Warfarin", 0)],
)
def test_there_is_no_path_to_itself_to_what_is_unlinked_or_beyond_the_longest(
    tiny: Projection, start: str, end: str, longest: int
) -> None:
    assert tiny.path(term(tiny, start), term(tiny, end), longest=longest) == ()


def test_a_longer_path_is_found_when_it_is_allowed(tiny: Projection) -> None:
    assert len(tiny.path(term(tiny, "Speech therapy"), term(tiny, "Warfarin"), longest=4)) == 4


def test_paths_are_as_short_as_networkx_finds_them(tiny: Projection) -> None:
    networkx = pytest.importorskip("networkx")
    graph = networkx.Graph()
    for rank in range(len(tiny)):
        graph.add_edges_from((rank, int(other)) for other in tiny.neighbours(TermId(rank))[0])
    lengths = dict(networkx.all_pairs_shortest_path_length(graph))
    for start in graph:
        for end in graph:
            steps = tiny.path(TermId(start), TermId(end), longest=6)
            assert len(steps) == lengths[start][end]
            assert all(one.target == two.source for one, two in pairwise(steps))


# --- files ----------------------------------------------------------------------------------------------------------


def test_making_it_again_changes_no_byte_and_reads_no_text(tiny: Projection, tiny_build: Build, tmp_path: Path) -> None:
    folder = tmp_path / "projections" / tiny_build.digest
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    def texts() -> PageText:
        raise AssertionError

    make_projection(tiny_build, texts=(texts() for _ in range(1)), folder=folder)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_the_same_build_gives_the_same_bytes_elsewhere(
    tiny: Projection, tiny_build: Build, tiny_texts: tuple[PageText, ...], tmp_path: Path
) -> None:
    make_projection(tiny_build, texts=tiny_texts, folder=tmp_path / "elsewhere")
    assert contents(tmp_path / "elsewhere") == contents(tmp_path / "projections" / tiny_build.digest)


def test_opening_what_is_not_there_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ProjectionMissing) as caught:
        Projection.open(tmp_path / "abc")
    assert "builds publish abc" in caught.value.hint


@pytest.mark.parametrize("damage", ["missing", "truncated", "manifest", "format", "not json", "flipped"])
def test_a_damaged_projection_is_refused_and_publishing_again_mends_it(
    tiny: Projection, tiny_build: Build, tiny_texts: tuple[PageText, ...], tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "projections" / tiny_build.digest
    whole = contents(folder)
    column, manifest = folder / "titles.utf8", folder / "manifest.json"
    match damage:
        case "missing":
            column.unlink()
        case "truncated":
            column.write_bytes(column.read_bytes()[:-1])
        case "manifest":
            manifest.unlink()
        case "format":
            manifest.write_text(manifest.read_text().replace("projection-1", "projection-0"))
        case "not json":
            manifest.write_text("[]")
        case "flipped":
            column.write_bytes(b"\x00" + column.read_bytes()[1:])
    if damage != "flipped":
        with pytest.raises(ProjectionMissing):
            Projection.open(folder)
    make_projection(tiny_build, texts=tiny_texts, folder=folder)
    assert contents(folder) == whole
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_writing_cut_off_leaves_nothing(tiny_build: Build, tmp_path: Path) -> None:
    def texts() -> PageText:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_projection(tiny_build, texts=(texts() for _ in range(1)), folder=tmp_path / "projections" / "cut")
    assert list((tmp_path / "projections").iterdir()) == []


def test_what_a_killed_process_left_is_cleared_by_the_next(tiny_build: Build, tmp_path: Path) -> None:
    left = tmp_path / "projections" / ".making"
    left.mkdir(parents=True)
    (left / "titles.utf8").write_text("half")
    (tmp_path / "projections" / ".making.old").mkdir()
    make_projection(tiny_build, texts=(), folder=tmp_path / "projections" / "whole")
    assert [path.name for path in (tmp_path / "projections").iterdir()] == ["whole"]


def test_a_folder_that_cannot_be_written_is_a_known_error(tiny_build: Build, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeUnwritable):
        make_projection(tiny_build, texts=(), folder=tmp_path / "file" / "projection")


def test_the_arrays_cannot_be_written(tiny: Projection) -> None:
    with pytest.raises(ValueError, match="read-only"):
        tiny.vector(TermId(0))[1][0] = 2


def test_many_threads_read_the_same(tiny: Projection) -> None:
    def read() -> tuple[object, ...]:
        return tuple((tiny.find(name_key(title)), tiny.path(TermId(0), TermId(5))) for title in tiny.titles)

    alone, seen = read(), []
    threads = [threading.Thread(target=lambda: seen.extend(read() for _ in range(20))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 80
    assert set(seen) == {alone}


def test_the_published_projection_is_the_one_the_home_points_to(home: Home, tiny_build: Build) -> None:
    with pytest.raises(NothingPublished):
        published_projection(home)
    home.point("map", tiny_build.digest)
    with pytest.raises(ProjectionMissing):
        published_projection(home)
    make_projection(tiny_build, texts=(), folder=home.projections / tiny_build.digest)
    assert published_projection(home).digest == tiny_build.digest


@settings(derandomize=True, deadline=None, max_examples=40)
@given(rows=st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4)))
def test_string_columns_give_back_any_text(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    folder = tmp_path_factory.mktemp("columns")
    flat = [text for row in rows for text in row]
    write_strings(folder, "flat", flat)
    write_lists(folder, "rows", rows)
    assert list(read_strings(folder, "flat")) == flat
    lists = read_lists(folder, "rows")
    assert [list(lists[row]) for row in range(len(rows))] == rows
