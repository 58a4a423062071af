"""The published map as read-only arrays in a folder: what search and recommending run on, without any store.

A projection is made from one build, named by its digest, and never changes; losing it loses nothing. Nothing that grows
with the map is loaded on opening. Reading needs no lock: any number of threads and processes may share it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NewType

import numpy as np
from numpy.typing import NDArray

from kg_builder.columns import ListColumn, StringColumn, hash_key, read_array, read_lists, read_numbers, read_strings
from kg_builder.manifest import check_files, missing
from kg_builder.model import Build, Digest, PageText, Section, Site
from kg_builder.paths import shortest_path
from strokemap.errors import NothingPublished
from strokemap.home import Home
from strokemap.progress import Progress, silent
from strokemap.text import name_key

TermId = NewType("TermId", int)
"""A term's rank among the build's terms sorted by title. Means something within one build only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A title or other name found under a key, and the term that it names."""

    term: TermId
    name: str
    is_title: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One link of a path, from ``source`` to ``target`` as the path runs, with the best sentence that shows it."""

    source: str
    target: str
    sentence: str
    section: str
    page: str = ""
    """The page on which the sentence stands: ``source``, or ``target`` where only that page mentions the other."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection:
    """A published map. ``titles[term]`` is a term's title; ``longest_name`` is the most words in any key."""

    digest: Digest
    topic: str
    site: Site
    titles: Sequence[str]
    longest_name: int
    _folder: Path
    _other_names: ListColumn
    _codes: ListColumn
    _summaries: StringColumn
    _path_lengths: NDArray[np.int16]
    _relevances: NDArray[np.float64]
    _specificities: NDArray[np.float32]
    _names: _Names
    _links: _Links
    _vectors: _Vectors

    @classmethod
    def open(cls, folder: Path) -> Projection:
        """Map a projection's files. Errors: ProjectionMissing where it is not there, damaged, or of another format."""
        manifest = check_files(folder)
        try:
            return cls(
                digest=manifest.digest,
                topic=manifest.topic,
                site=manifest.site,
                titles=read_strings(folder, "titles"),
                longest_name=manifest.longest_name,
                _folder=folder,
                _other_names=read_lists(folder, "other_names"),
                _codes=read_lists(folder, "codes"),
                _summaries=read_strings(folder, "summaries"),
                _path_lengths=read_array(folder, "path_lengths"),
                _relevances=read_array(folder, "relevances"),
                _specificities=read_array(folder, "specificities"),
                _names=_Names.read(folder),
                _links=_Links.read(folder),
                _vectors=_Vectors.read(folder),
            )
        except (OSError, ValueError):
            raise missing(folder, "damaged") from None

    def __len__(self) -> int:
        return len(self.titles)

    def term(self, title: str) -> TermId | None:
        """Give the term with exactly this title."""
        # UTF-8 keeps the order of code points, so the titles on disk are sorted as Python sorts them.
        rank = bisect_left(self.titles, title)
        return TermId(rank) if rank < len(self.titles) and self.titles[rank] == title else None

    def find(self, key: str) -> tuple[Name, ...]:
        """Give all names with this ``name_key``: titles first, then by term. A term may come with several names."""
        hashed = hash_key(key)
        first = bisect_left(self._names.hashes, hashed)
        found = []
        for entry in range(first, len(self._names.hashes)):
            if self._names.hashes[entry] != hashed:
                break
            name = self._name(entry)
            if name_key(name.name) == key:
                found.append(name)
        return tuple(found)

    def _name(self, entry: int) -> Name:
        row, term = self._names.rows[entry], TermId(self._names.terms[entry])
        if row < len(self.titles):
            return Name(term=term, name=self.titles[row], is_title=True)
        return Name(term=term, name=self._other_names.strings[row - len(self.titles)], is_title=False)

    def other_names(self, term: TermId) -> tuple[str, ...]:
        """Give a term's other names, as in the build."""
        return self._other_names[term]

    def codes(self, term: TermId) -> tuple[tuple[str, str], ...]:
        """Give a term's pairs of system and code."""
        flat = self._codes[term]
        return tuple(zip(flat[::2], flat[1::2], strict=True))

    def summary(self, term: TermId) -> str:
        """Give the first sentence of the term's page."""
        return self._summaries[term]

    def path_length(self, term: TermId) -> int:
        """Give the number of links followed from the nearest starting term; 0 for a starting term."""
        return int(self._path_lengths[term])

    def relevance(self, term: TermId) -> float:
        """Give the judge's score; 1 for a starting term."""
        return float(self._relevances[term])

    def specificity(self, term: TermId) -> float:
        """Give 1 for a term without links down to 0 for one linked with all; pagerank.py has the formula."""
        return float(self._specificities[term])

    def neighbours(self, term: TermId) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Give the linked terms in ascending order and the links' weights; evidence.py has the formula."""
        row = slice(self._links.offsets[term], self._links.offsets[term + 1])
        return self._links.terms[row], self._links.weights[row]

    def vector(self, term: TermId) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Give the truncated PageRank vector that starts at this term, largest entry first, itself included."""
        row = slice(self._vectors.offsets[term], self._vectors.offsets[term + 1])
        return self._vectors.terms[row], self._vectors.weights[row]

    def path(self, start: TermId, end: TermId, *, longest: int = 3) -> tuple[Step, ...]:
        """Give a shortest path of at most ``longest`` links; empty where there is none, or start and end are one.

        Of several shortest paths it takes the one whose inner terms are most specific, then the first by title.
        """
        terms = shortest_path(
            start, end, longest=longest, offsets=self._links.offsets, neighbours=self._links.terms,
            specificities=self._specificities,
        )  # fmt: skip
        return tuple(self._step(a, b) for a, b in pairwise(terms))

    def _step(self, source: int, target: int) -> Step:
        first, last = self._links.offsets[source], self._links.offsets[source + 1]
        entry = first + int(np.searchsorted(self._links.terms[first:last], target))
        evidence = self._links.evidence[entry]
        return Step(
            source=self.titles[source],
            target=self.titles[target],
            sentence=self._links.sentences[evidence],
            section=self._links.sections[self._links.evidence_sections[evidence]],
            page=self.titles[self._links.evidence_pages[evidence]],
        )

    def texts(self) -> Iterator[PageText]:
        """Give the sections of the terms' pages in order of title; a term whose page has no text is left out."""
        texts = read_lists(self._folder, "texts")
        for title, row in zip(self.titles, read_numbers(self._folder, "text_rows"), strict=True):
            if row >= 0 and (flat := texts[row]):
                pairs = zip(flat[::2], flat[1::2], strict=True)
                yield PageText(title=title, sections=tuple(Section(heading=head, text=text) for head, text in pairs))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """Names sorted by the hash of their key. A row below the number of terms is a title, any other an other name."""

    hashes: memoryview
    rows: memoryview
    terms: memoryview

    @classmethod
    def read(cls, folder: Path) -> _Names:
        fields = {field: read_numbers(folder, f"name_{field}") for field in ("hashes", "rows", "terms")}
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Links:
    """Each link twice, once for each of its terms, grouped by term; with the best evidence as seen from that term."""

    offsets: memoryview
    terms: NDArray[np.int32]
    weights: NDArray[np.float32]
    evidence: memoryview
    sentences: StringColumn
    sections: StringColumn
    evidence_sections: memoryview
    evidence_pages: memoryview

    @classmethod
    def read(cls, folder: Path) -> _Links:
        return cls(
            offsets=read_numbers(folder, "link_offsets"),
            terms=read_array(folder, "link_terms"),
            weights=read_array(folder, "link_weights"),
            evidence=read_numbers(folder, "link_evidence"),
            sentences=read_strings(folder, "sentences"),
            sections=read_strings(folder, "sections"),
            evidence_sections=read_numbers(folder, "evidence_sections"),
            evidence_pages=read_numbers(folder, "evidence_pages"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vectors:
    """Truncated PageRank vectors, row after row."""

    offsets: memoryview
    terms: NDArray[np.int32]
    weights: NDArray[np.float32]

    @classmethod
    def read(cls, folder: Path) -> _Vectors:
        return cls(
            offsets=read_numbers(folder, "vector_offsets"),
            terms=read_array(folder, "vector_terms"),
            weights=read_array(folder, "vector_weights"),
        )


def make_projection(
    build: Build, *, texts: Iterable[PageText], folder: Path, progress: Progress = silent
) -> Projection:
    """Write a build's projection and open it; the same build again changes nothing and reads no text.

    Texts of pages that are no terms are passed over. Written beside ``folder`` and renamed into place: a reader sees
    all of it or nothing. A damaged projection is replaced. The same build and order of texts give the same bytes.
    Errors: HomeUnwritable.
    """
    # Only making needs scipy, which takes longer to import than a projection to open.
    from kg_builder.projection_files import write_projection

    write_projection(build, texts=texts, folder=folder, progress=progress)
    return Projection.open(folder)


def published_projection(home: Home) -> Projection:
    """Open the projection that the home's pointer names. Errors: NothingPublished."""
    digest = home.current("map")
    if digest is None:
        raise NothingPublished(
            "No map is published in this home yet.", hint="Run: strokemap crawl --topic stroke --source FILE --publish"
        )
    return Projection.open(home.projections / digest)
