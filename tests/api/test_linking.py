"""The linker on the demonstration, held against queries that people labelled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.link_queries import FOLDER, made_up_map, measure, read_labels
from kg_builder.projection import published_projection
from search.index_files import published_index


def test_linking_is_precise_and_misses_little(demonstration: Any) -> None:
    home = demonstration.setup.home
    labels = read_labels(FOLDER / "demonstration.tsv")
    found = measure(labels, projection=published_projection(home), index=published_index(home))
    assert len(labels) >= 150
    assert found.precision >= 0.97, found.faults
    assert found.recall >= 0.95, found.faults


def test_a_name_of_two_terms_goes_to_the_one_that_the_other_terms_are_near(tmp_path: Path) -> None:
    projection = made_up_map(FOLDER / "ambiguous-map.json", folder=tmp_path)
    found = measure(read_labels(FOLDER / "ambiguous.tsv"), projection=projection, index=None)
    assert not found.faults
