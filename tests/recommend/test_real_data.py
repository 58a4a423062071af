"""Real patients of the stroke trial and real health articles, with a small map that lacks atrial fibrillation."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from hive_queries import Profile, acquire, make_profiles, open_history_store, pseudonym
from hive_queries.profiles import Profiles
from kg_builder.projection import Projection
from recommend import Recommendation, Rulebook, Weights, recommend
from search.index import TextIndex
from search.index_files import write_index
from search.library import Library, import_articles
from strokemap.progress import silent

pytestmark = [pytest.mark.data, pytest.mark.slow]
KEY = b"k" * 32
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def health_articles(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> TextIndex:
    """An index of all health articles."""
    folder = tmp_path_factory.mktemp("articles")
    library = Library.open(folder / "library")
    import_articles(test_data / "articles" / "health-articles.jsonl.gz", library=library)
    return write_index(library.articles(), folder=folder / "index", progress=silent)


@pytest.fixture(scope="module")
def trial_rows(test_data: Path) -> list[dict[str, str]]:
    """Every 300th patient of the trial, and ten with both dysphasia and atrial fibrillation."""
    with gzip.open(test_data / "patients" / "ist.csv.gz", "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    both = [row for row in rows if row["RDEF4"] == row["RATRIAL"] == "Y"]
    return rows[::300] + both[::150][:10]


@pytest.fixture(scope="module")
def trial_profiles(trial_rows: list[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Profiles:
    """The profiles of these patients."""
    folder = tmp_path_factory.mktemp("histories")
    with (folder / "ist.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(trial_rows[0]))
        writer.writeheader()
        writer.writerows(trial_rows)
    (folder / "store").mkdir()
    store = open_history_store(f"duckdb://{folder / 'store'}")
    acquire(
        folder / "ist.csv", institution="ist", format="ist", store=store, work=folder / "work", key=KEY, now=NOW,
        progress=silent,
    )  # fmt: skip
    made = make_profiles(store, folder=folder / "profiles", progress=silent, now=NOW)
    return Profiles.open(folder / "profiles", made.version)


@pytest.fixture
def advised(
    trial_rows: list[dict[str, str]], trial_profiles: Profiles, tiny_map: Projection, health_articles: TextIndex,
    rulebook: Rulebook, weights: Weights,
) -> Iterator[tuple[dict[str, str], Profile, Recommendation]]:  # fmt: skip
    """Each patient's row, profile, and recommendation as of 14 days after the stroke."""

    def advise() -> Iterator[tuple[dict[str, str], Profile, Recommendation]]:
        for number, row in enumerate(trial_rows, 1):
            patient = f"ist-{number:06}"
            profile = trial_profiles.get(pseudonym(patient, key=KEY))
            as_of = min(fact.on or date.max for fact in profile.facts) + timedelta(days=14)
            found = recommend(
                profile, patient=patient, as_of=as_of, projection=tiny_map, index=health_articles, rulebook=rulebook,
                weights=weights,
            )  # fmt: skip
            yield row, profile.known_at(as_of), found

    return advise()


def test_dysphasia_and_atrial_fibrillation_bring_articles_on_both_with_their_facts(
    advised: Iterator[tuple[dict[str, str], Profile, Recommendation]],
) -> None:
    met = 0
    for row, known, found in advised:
        if known.died_on is not None:
            continue
        columns = {
            reason.fact.column for result in found.results for reason in result.reasons[:1] if reason.fact is not None
        }
        titles = " ".join(result.title.casefold() for result in found.results)
        assert ("RDEF4" in columns) == (row["RDEF4"] == "Y")
        assert ("aphasia" in titles) == (row["RDEF4"] == "Y")
        assert ("RATRIAL" in columns) == (row["RATRIAL"] == "Y")
        assert ("atrial fibrillation" in titles) == (row["RATRIAL"] == "Y")
        met += row["RDEF4"] == row["RATRIAL"] == "Y"
    assert met >= 5


def test_every_answer_has_results_with_reasons_or_says_why_not(
    advised: Iterator[tuple[dict[str, str], Profile, Recommendation]],
) -> None:
    died = 0
    for row, known, found in advised:
        assert bool(found.results) != bool(found.why)
        assert bool(found.why) == (known.died_on is not None)
        died += known.died_on is not None
        for result in found.results:
            assert sum(part.score for part in result.parts) == pytest.approx(result.score, abs=1e-6)
            for reason in result.reasons:
                assert reason.fact is not None
                assert row[reason.fact.column].strip() == reason.fact.value
                assert len(reason.fact.date) == len("1991-02")
    assert died >= 1
