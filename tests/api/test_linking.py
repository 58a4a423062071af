"""The linker on the demonstration, held against queries that people labelled."""

from __future__ import annotations

from typing import Any

from benchmarks.link_queries import FOLDER, measure, read_labels
from kg_builder.projection import published_projection
from search.index_files import published_index


def test_linking_is_precise_and_misses_little(demonstration: Any) -> None:
    home = demonstration.setup.home
    labels = read_labels(FOLDER / "demonstration.tsv")
    found = measure(labels, projection=published_projection(home), index=published_index(home))
    assert len(labels) >= 150
    assert found.precision >= 0.97, found.faults
    assert found.recall >= 0.95, found.faults
