"""The published map as read-only arrays in a folder: what search and recommending run on, without any store.

A projection is made from one build, named by its digest, and never changes; losing it loses nothing. Nothing that grows
with the map is loaded on opening. Reading needs no lock: any number of threads and processes may share it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, NewType

import numpy as np
from numpy.typing import NDArray

from kg_builder.columns import (
    ListColumn,
    StringColumn,
    WeightedRows,
    hash_key,
    read_array,
    read_lists,
    read_numbers,
    read_rows,
    read_strings,
)
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


class _Names(NamedTuple):
    """Names sorted by the hash of their key. A row below the number of terms is a title, any other an other name."""

    hashes: memoryview
    rows: memoryview
    terms: memoryview


class _Evidence(NamedTuple):
    """The best evidence of each link as seen from each of its terms, by the link's place among the links."""

    of_link: memoryview
    sentences: StringColumn
    headings: StringColumn
    sections: memoryview
    pages: memoryview


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
    _links: WeightedRows
    """Each link twice, once for each of its terms."""
    _evidence: _Evidence
    _vectors: WeightedRows

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
                _names=_Names(*(read_numbers(folder, f"name_{field}") for field in _Names._fields)),
                _links=read_rows(folder, "link"),
                _evidence=_Evidence(
                    of_link=read_numbers(folder, "link_evidence"),
                    sentences=read_strings(folder, "sentences"),
                    headings=read_strings(folder, "sections"),
                    sections=read_numbers(folder, "evidence_sections"),
                    pages=read_numbers(folder, "evidence_pages"),
                ),
                _vectors=read_rows(folder, "vector"),
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
        hashes, hashed = self._names.hashes, hash_key(key)
        entries = range(bisect_left(hashes, hashed), bisect_right(hashes, hashed))
        return tuple(name for name in map(self._name, entries) if name_key(name.name) == key)

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
        """Give the linked terms in ascending order and the links' weights."""
        return self._links.row(term)

    def links(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Give all terms' neighbours in one run: those of term i lie at ``offsets[i]:offsets[i + 1]``."""
        return np.asarray(self._links.offsets), self._links.terms

    def vector(self, term: TermId) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Give the truncated PageRank vector that starts at this term, largest entry first, itself included."""
        return self._vectors.row(term)

    def path(self, start: TermId, end: TermId, *, longest: int = 3) -> tuple[Step, ...]:
        """Give a shortest path of at most ``longest`` links; empty where there is none, or start and end are one.

        Of several shortest paths it takes the one whose inner terms are most specific, then the first by title.
        """
        terms = shortest_path(start, end, longest=longest, links=self._links, specificities=self._specificities)
        return tuple(self._step(a, b) for a, b in pairwise(terms))

    def _step(self, source: int, target: int) -> Step:
        entry = self._links.offsets[source] + bisect_left(self._links.row(source)[0], target)
        evidence = self._evidence.of_link[entry]
        return Step(
            source=self.titles[source],
            target=self.titles[target],
            sentence=self._evidence.sentences[evidence],
            section=self._evidence.headings[self._evidence.sections[evidence]],
            page=self.titles[self._evidence.pages[evidence]],
        )

    def texts(self) -> Iterator[PageText]:
        """Give the sections of the terms' pages in order of title; a term whose page has no text is left out."""
        texts = read_lists(self._folder, "texts")
        for title, row in zip(self.titles, read_numbers(self._folder, "text_rows"), strict=True):
            if row >= 0 and (flat := texts[row]):
                pairs = zip(flat[::2], flat[1::2], strict=True)
                yield PageText(title=title, sections=tuple(Section(heading=head, text=text) for head, text in pairs))


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
