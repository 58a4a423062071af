"""What is measured of a candidate, always against the topic's starting pages, so that one model serves every topic.

Most numbers are relative: 1 means as close to the starting pages as they are to each other, 0 means nothing in common.
A feature that can't be measured (no categories on this wiki, starting pages that have no links) is left out of the
candidate's values, and the model then gives it no weight. Pure: the order of candidates does not matter.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from kg_builder.judge.base import Context
from kg_builder.judge.vectors import Floats, likeness, mean_of_closest, weighted_rows
from kg_builder.model import Candidate, Page
from strokemap.text import name_key, singular, stem, words

READ_CHARACTERS = 12_000
"""Only the beginning of a page is read, so that long and short pages compare."""
OPENING_WORDS = 150
CLOSEST = 3
"""A topic has several sides: a page counts by the starting pages that it is closest to, not by all of them."""
CAP = 3.0
"""No single likeness may outweigh all else, as it would where the starting pages have little in common."""
WALK_STEPS, WALK_ON = 12, 0.5
_YEAR = re.compile(r"1\d{3}|20\d\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One measured number, and how it reads as a reason for and against a candidate."""

    name: str
    speaks_for: str
    speaks_against: str


FEATURES = (
    Feature(
        name="links_alike",
        speaks_for="It links to the same pages as the starting terms do.",
        speaks_against="It links to other pages than the starting terms do.",
    ),
    Feature(
        name="company_alike",
        speaks_for="It keeps the same company of links, given and received, as the starting terms.",
        speaks_against="Its links, given and received, are not those of the starting terms.",
    ),
    Feature(
        name="near_in_links",
        speaks_for="Many short paths of links join it with the starting terms.",
        speaks_against="Few short paths of links join it with the starting terms.",
    ),
    Feature(
        name="opening_alike",
        speaks_for="Its opening is worded like those of the starting terms.",
        speaks_against="Its opening is worded unlike those of the starting terms.",
    ),
    Feature(
        name="names_starting",
        speaks_for="It speaks of the starting terms by name.",
        speaks_against="It hardly speaks of the starting terms by name.",
    ),
    Feature(
        name="links_to_starting",
        speaks_for="Many of its own links go to starting terms.",
        speaks_against="Few or none of its own links go to starting terms.",
    ),
    Feature(
        name="categories_alike",
        speaks_for="Its categories are like those of the starting terms.",
        speaks_against="Its categories are unlike those of the starting terms.",
    ),
    Feature(
        name="proper_name",
        speaks_for="Its title is no proper name of several words.",
        speaks_against="Its title is a proper name of several words.",
    ),
    Feature(
        name="years_in_opening",
        speaks_for="Its opening does not dwell on years.",
        speaks_against="Its opening is full of years, as of a life or a history.",
    ),
)


def measure(candidates: Sequence[Candidate], *, context: Context) -> dict[str, dict[str, float]]:
    """Give each candidate's features by title, sorted by title. Time grows with the number of pages and of links."""
    pool = _Pool(candidates, context)
    columns = pool.columns()
    return {
        title: {name: round(float(column[row]), 9) for name, column in columns.items() if not math.isnan(column[row])}
        for row, title in enumerate(pool.titles[index] for index in pool.candidates)
    }


class _Pool:
    """All pages in play, each with its row number, and what can be measured among them."""

    def __init__(self, candidates: Sequence[Candidate], context: Context) -> None:
        known = {page.title: page for page in (*context.starting, *context.accepted)}
        known |= {candidate.page.title: candidate.page for candidate in candidates}
        self.titles = sorted(known)
        self.pages = [known[title] for title in self.titles]
        self.rows = {title: row for row, title in enumerate(self.titles)}
        self.starting = sorted(self.rows[page.title] for page in context.starting)
        self.accepted = sorted({self.rows[page.title] for page in context.accepted} | set(self.starting))
        self.candidates = sorted({self.rows[candidate.page.title] for candidate in candidates})
        self.resolved = {name: page.title for page in reversed(self.pages) for name in page.redirects}
        self.resolved |= {title: title for title in self.titles}
        texts = (" ".join(section.text for section in page.sections if section.text) for page in self.pages)
        self.words = [words(text[:READ_CHARACTERS]) for text in texts]
        self.targets = [self._targets(page) for page in self.pages]
        self.links = self._adjacency(candidates)

    def columns(self) -> dict[str, Floats]:
        """Give every feature as one number for each candidate; NaN where it can't be measured."""
        openings = [[stem(word) for word in of_page[:OPENING_WORDS] if _is_telling(word)] for of_page in self.words]
        given = [[title, *targets] for title, targets in zip(self.titles, self.targets, strict=True)]
        company = [sorted({*bag, *linkers}) for bag, linkers in zip(given, self._linkers(), strict=True)]
        categories = [_category_words(page) for page in self.pages]
        return {
            "links_alike": self._alike(given),
            "company_alike": self._alike(company),
            "near_in_links": self._near_in_links(),
            "opening_alike": self._alike(openings),
            "names_starting": self._names_starting(),
            "links_to_starting": self._links_to_starting(),
            "categories_alike": np.where(
                [not categories[row] for row in self.candidates], np.nan, self._alike(categories)
            ),
            "proper_name": np.array([float(is_proper(self.titles[row])) for row in self.candidates]),
            "years_in_opening": np.array([_share_of_years(self.words[row][:OPENING_WORDS]) for row in self.candidates]),
        }

    def _targets(self, page: Page) -> list[str]:
        """Give the distinct titles that a page links to, in order; titles that nobody has are kept as written."""
        targets = dict.fromkeys(self.resolved.get(mention.target, mention.target) for mention in page.mentions)
        targets.pop(page.title, None)
        return list(targets)

    def _adjacency(self, candidates: Sequence[Candidate]) -> sparse.csr_matrix:
        """Give the links among the pages as a matrix of 0 and 1, source by target."""
        pairs = {
            (row, self.rows[target])
            for row, targets in enumerate(self.targets)
            for target in targets
            if target in self.rows
        }
        pairs |= {
            (self.rows[evidence.source], self.rows[candidate.page.title])
            for candidate in candidates
            for evidence in candidate.evidence
            if evidence.source in self.rows
        }
        ordered = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        shape = (len(self.pages), len(self.pages))
        return sparse.csr_matrix((np.ones(len(ordered)), (ordered[:, 0], ordered[:, 1])), shape=shape)

    def _linkers(self) -> list[list[str]]:
        """Give for each page the titles of those that link to it."""
        received = self.links.tocsc()
        return [
            [self.titles[source] for source in received.indices[begin:end]]
            for begin, end in itertools.pairwise(received.indptr)
        ]

    def _yardstick(self, values: Floats, own: Floats) -> float:
        """Give what counts as 1: the starting pages' own mean; with a single one, that of the best tenth judged."""
        if len(self.starting) > 1:
            return float(np.mean(own))
        return float(np.mean(np.sort(values)[-max(3, len(values) // 10) :]))

    def _relative(self, values: Floats, own: Floats) -> Floats:
        """Divide by the yardstick, up to a cap; NaN where the starting pages have nothing to compare with."""
        yardstick = self._yardstick(values, own)
        return np.minimum(values / yardstick, CAP) if yardstick > 0 else np.full(len(values), np.nan)

    def _alike(self, bags: Sequence[Sequence[str]]) -> Floats:
        """Compare the candidates' bags with those of the starting pages that they are closest to."""
        rows = weighted_rows(bags)
        values = mean_of_closest(likeness(rows, of=self.candidates, to=self.starting), count=CLOSEST)
        own = mean_of_closest(likeness(rows, of=self.starting, to=self.starting), count=CLOSEST)
        return self._relative(values, own)

    def _links_to_starting(self) -> Floats:
        """Give the share of a page's links that go to starting pages; a few links prove little."""
        given = np.asarray(self.links.sum(axis=1)).ravel()
        shares = (self.links @ self._indicator(self.starting)) / (given + 10)
        return self._relative(shares[self.candidates], shares[self.starting])

    def _indicator(self, rows: Sequence[int]) -> Floats:
        values = np.zeros(len(self.pages))
        values[rows] = 1.0
        return values

    def _names_starting(self) -> Floats:
        """Weigh how often a page names the starting terms (itself left out) against its length."""
        keys = [{key for name in self.pages[row].names if len(key := name_key(name)) > 3} for row in self.starting]

        def spoken_of(row: int) -> float:
            text = " " + " ".join(map(singular, self.words[row])) + " "
            counts = (
                sum(text.count(f" {key} ") for key in of_start)
                for start, of_start in zip(self.starting, keys, strict=True)
                if start != row
            )
            return math.fsum(map(math.log1p, counts)) / math.log(50 + len(self.words[row]))

        return self._relative(
            np.array([spoken_of(row) for row in self.candidates]), np.array([spoken_of(row) for row in self.starting])
        )

    def _near_in_links(self) -> Floats:
        """Walk at random from the starting pages, links taken both ways; give the logarithm of the visits, relative."""
        both = ((self.links + self.links.T) > 0).astype(np.float64)
        steps = sparse.diags(1.0 / np.maximum(1.0, np.asarray(both.sum(axis=1)).ravel())) @ both
        own = [self._walk(steps, [start for start in self.starting if start != row])[row] for row in self.starting]
        visits = self._walk(steps, self.starting)[self.candidates]
        yardstick = self._yardstick(visits, np.array(own))
        return np.log((visits + 1e-5) / (yardstick + 1e-5)) if yardstick > 0 else np.full(len(visits), np.nan)

    def _walk(self, steps: sparse.csr_matrix, starts: Sequence[int]) -> Floats:
        begin = self._indicator(starts) / max(1, len(starts))
        visits = begin
        for _ in range(WALK_STEPS):
            visits = (1 - WALK_ON) * begin + WALK_ON * (steps.T @ visits)
        return visits


def _category_words(page: Page) -> list[str]:
    return [stem(word) for category in page.categories for word in words(category) if len(word) > 2]


def _is_telling(word: str) -> bool:
    return len(word) > 2 and not word.isdigit()


def is_proper(title: str) -> bool:
    """Tell whether a later word of a title begins with a capital; abbreviations and what is in brackets aside."""
    later: Iterable[str] = title.partition(" (")[0].split()[1:]
    return any(word[0].isupper() and not word.isupper() for word in later)


def _share_of_years(opening: Sequence[str]) -> float:
    return sum(bool(_YEAR.fullmatch(word)) for word in opening) / (20 + len(opening))
