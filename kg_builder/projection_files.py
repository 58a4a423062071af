"""Writing a projection: all of a build as columns, in a folder beside, renamed into place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from kg_builder.columns import WeightedRows, hash_key, write_array, write_lists, write_rows, write_strings
from kg_builder.manifest import unharmed, write_manifest
from kg_builder.model import Build, Evidence, PageText, Term, best_evidence
from kg_builder.pagerank import specificities, vectors
from kg_builder.replacing import replacing
from strokemap.home import writing
from strokemap.progress import Progress
from strokemap.text import name_key


def write_projection(build: Build, *, texts: Iterable[PageText], folder: Path, progress: Progress) -> None:
    """Write a projection unless it is there and unharmed; one at a time in a home. Errors: HomeUnwritable."""
    # Publishing again is the cure for a damaged projection: here, unlike on opening, every byte is read.
    if unharmed(folder, digest=build.digest):
        return
    beside = folder.with_name(".making")
    hint = "Make room on the disk, or mend the folder's permissions, then publish again."
    with writing("The projection", where=folder, hint=hint):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with replacing(folder, beside=beside):
            beside.mkdir()
            _write_files(build, texts=texts, folder=beside, progress=progress)


def _write_files(build: Build, *, texts: Iterable[PageText], folder: Path, progress: Progress) -> None:
    terms = build.terms
    write_strings(folder, "titles", (term.title for term in terms))
    write_lists(folder, "other_names", (term.other_names for term in terms))
    write_lists(folder, "codes", (tuple(chain.from_iterable(term.codes)) for term in terms))
    write_strings(folder, "summaries", (term.summary for term in terms))
    _write_texts(terms, texts, folder)
    write_array(folder, "path_lengths", np.array([term.path_length for term in terms], dtype=np.int16))
    write_array(folder, "relevances", np.array([term.relevance for term in terms], dtype=np.float64))
    longest_name = _write_names(terms, folder)
    _write_links(build, folder, progress)
    write_manifest(build, longest_name=longest_name, folder=folder)


def _write_texts(terms: Sequence[Term], texts: Iterable[PageText], folder: Path) -> None:
    ranks = {term.title: rank for rank, term in enumerate(terms)}
    rows = np.full(len(terms), -1, dtype=np.int32)
    coming = (text for text in texts if text.title in ranks)

    def flat() -> Iterator[tuple[str, ...]]:
        # Kept as they come, so that no more than one page is ever held.
        for row, text in enumerate(coming):
            rows[ranks[text.title]] = row
            yield tuple(chain.from_iterable((section.heading, section.text) for section in text.sections))

    write_lists(folder, "texts", flat())
    write_array(folder, "text_rows", rows)


def _write_names(terms: Sequence[Term], folder: Path) -> int:
    titles = ((rank, rank, term.title) for rank, term in enumerate(terms))
    others = ((rank, name) for rank, term in enumerate(terms) for name in term.other_names)
    rows = chain(titles, ((row, rank, name) for row, (rank, name) in enumerate(others, start=len(terms))))
    keyed = sorted(
        (hash_key(key), key, row >= len(terms), rank, row)
        for row, rank, name in rows
        if (key := name_key(name)) and not (row >= len(terms) and name == terms[rank].title)
    )
    write_array(folder, "name_hashes", np.array([entry[0] for entry in keyed], dtype=np.uint64))
    write_array(folder, "name_terms", np.array([entry[3] for entry in keyed], dtype=np.int32))
    write_array(folder, "name_rows", np.array([entry[4] for entry in keyed], dtype=np.int32))
    return max((entry[1].count(" ") + 1 for entry in keyed), default=0)


def _write_links(build: Build, folder: Path, progress: Progress) -> None:
    rank = {term.title: number for number, term in enumerate(build.terms)}
    pairs = np.zeros((2, 2 * len(build.links)), dtype=np.int32)
    weights = np.zeros(2 * len(build.links), dtype=np.float32)
    evidence = np.zeros(2 * len(build.links), dtype=np.int32)
    chosen: list[Evidence] = []
    for number, link in enumerate(build.links):
        shown: dict[str, int] = {}
        for source in sorted({item.source for item in link.evidence}):
            shown[source] = len(chosen)
            chosen.append(best_evidence(item for item in link.evidence if item.source == source))
        for entry, (one, other) in enumerate(((link.a, link.b), (link.b, link.a)), start=2 * number):
            pairs[:, entry] = rank[one], rank[other]
            weights[entry] = link.weight
            # Seen from a term, its own page's sentence is shown where there is one.
            evidence[entry] = shown[one] if one in shown else shown[other]
    order = np.lexsort((pairs[1], pairs[0]))
    degrees = np.bincount(pairs[0], minlength=len(build.terms))
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(degrees)])
    links = WeightedRows(offsets, pairs[1][order], weights[order])
    write_array(folder, "specificities", specificities(degrees))
    write_rows(folder, "link", links)
    write_array(folder, "link_evidence", evidence[order])
    _write_evidence(chosen, rank, folder)
    write_rows(folder, "vector", vectors(links, progress=progress))


def _write_evidence(chosen: Sequence[Evidence], rank: Mapping[str, int], folder: Path) -> None:
    sections = sorted({item.section for item in chosen})
    numbers = {section: number for number, section in enumerate(sections)}
    write_strings(folder, "sections", sections)
    write_strings(folder, "sentences", (item.sentence for item in chosen))
    write_array(folder, "evidence_sections", np.array([numbers[item.section] for item in chosen], dtype=np.int32))
    write_array(folder, "evidence_pages", np.array([rank[item.source] for item in chosen], dtype=np.int32))
