"""The checkpoint: batches whole or absent, whatever kills the process; judgements only as long as the rules hold."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kg_builder.frontier import Frontier
from kg_builder.model import Judgement, Mention, Page, Section
from kg_builder.sources.base import Fetched
from strokemap.errors import HomeUnwritable

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
STROKE = Page(
    title="Stroke",
    redirects=("Brain attack", "CVA"),
    mentions=(Mention(target="Aphasia", surface="aphasia", section="Signs", sentence="It causes aphasia — “often”."),),
    sections=(Section(heading="", text="A stroke.\nIt is."), Section(heading="Signs", text="It causes aphasia.")),
    categories=("Stroke",),
    identifiers=(("icd10", "I63"),),
    disambiguation=True,
)
FETCHED = Fetched(
    pages=(STROKE,),
    resolved={"Stroke": "Stroke", "CVA": "Stroke", "Nothing": None, "Away": "Away"},
    failed={"Away": "timed out"},
)


@pytest.fixture
def frontier(tmp_path: Path) -> Iterator[Frontier]:
    frontier = Frontier.open(tmp_path / "crawl")
    frontier.begin(pages_of="export", judged_by="rules", now=NOON)
    yield frontier
    frontier.close()


def test_new_frontier_has_nothing_to_resume(frontier: Frontier) -> None:
    assert not frontier.resolved()
    assert frontier.level(1) is None


def test_page_comes_back_equal_after_reopening(frontier: Frontier, tmp_path: Path) -> None:
    frontier.keep_pages(FETCHED)
    again = Frontier.open(tmp_path / "crawl")
    assert again.resolved()
    assert again.pages(["Stroke", "Away"]) == {"Stroke": STROKE}
    again.close()


def test_title_that_failed_is_left_to_be_asked_again(frontier: Frontier) -> None:
    frontier.keep_pages(FETCHED)
    assert frontier.resolved() == {"Stroke": "Stroke", "CVA": "Stroke", "Nothing": None}


def test_page_that_comes_twice_counts_once(frontier: Frontier) -> None:
    frontier.keep_pages(FETCHED)
    frontier.keep_pages(FETCHED)
    assert frontier.pages(["Stroke"]) == {"Stroke": STROKE}


def test_level_comes_back_in_order_and_an_empty_one_is_a_level(frontier: Frontier) -> None:
    judgements = [
        Judgement(title=title, accepted=title > "B", score=0.123456789, reasons=("x", "y")) for title in "CAB"
    ]
    frontier.keep_level(1, judgements)
    frontier.keep_level(2, [])
    assert frontier.level(1) == sorted(judgements, key=lambda one: one.title)
    assert frontier.level(2) == []
    assert frontier.level(3) is None


def test_other_rules_forget_judgements_and_keep_pages(frontier: Frontier) -> None:
    frontier.keep_pages(FETCHED)
    frontier.keep_level(1, [])
    frontier.begin(pages_of="export", judged_by="rules", now=NOON)
    assert frontier.level(1) == []
    frontier.begin(pages_of="export", judged_by="other rules", now=NOON)
    assert frontier.level(1) is None
    assert frontier.resolved()


def test_other_state_of_the_source_forgets_everything(frontier: Frontier) -> None:
    frontier.keep_pages(FETCHED)
    frontier.keep_level(1, [])
    frontier.begin(pages_of="changed export", judged_by="rules", now=NOON)
    assert not frontier.resolved()
    assert frontier.level(1) is None


def test_clearing_forgets_everything(frontier: Frontier) -> None:
    frontier.keep_pages(FETCHED)
    frontier.clear()
    assert not frontier.resolved()
    frontier.keep_pages(FETCHED)


def test_frontier_of_another_format_is_made_anew(frontier: Frontier, tmp_path: Path) -> None:
    frontier.keep_pages(FETCHED)
    db = sqlite3.connect(tmp_path / "crawl" / "frontier.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    again = Frontier.open(tmp_path / "crawl")
    assert not again.resolved()
    again.close()


def test_frontier_that_cannot_be_cleared_is_told(frontier: Frontier, tmp_path: Path) -> None:
    (tmp_path / "crawl" / "frontier.sqlite").unlink()
    (tmp_path / "crawl" / "frontier.sqlite").mkdir()
    with pytest.raises(HomeUnwritable):
        frontier.clear()


def test_damaged_frontier_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl" / "frontier.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(HomeUnwritable) as caught:
        Frontier.open(tmp_path / "crawl")
    assert "delete" in caught.value.hint


_KILLED_IN_A_TRANSACTION = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from kg_builder.frontier import Frontier
from kg_builder.model import Page
from kg_builder.sources.base import Fetched

class Deadly(tuple):
    def __iter__(self):
        yield from list(tuple.__iter__(self))[:-1]
        os.kill(os.getpid(), signal.SIGKILL)

def batch(numbers, kind):
    pages = kind(Page(title=f"Page {number}") for number in numbers)
    return Fetched(pages=pages, resolved={f"Page {number}": f"Page {number}" for number in numbers}, failed={})

frontier = Frontier.open(Path(sys.argv[1]))
frontier.begin(pages_of="export", judged_by="rules", now=datetime(2026, 11, 1, tzinfo=UTC))
frontier.keep_pages(batch(range(50), tuple))
frontier.keep_pages(batch(range(50, 100), Deadly))
"""


def test_process_killed_inside_a_batch_leaves_the_batches_before(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", _KILLED_IN_A_TRANSACTION, tmp_path / "crawl"], check=False)
    assert killed.returncode == -signal.SIGKILL
    frontier = Frontier.open(tmp_path / "crawl")
    assert sorted(frontier.resolved()) == sorted(f"Page {number}" for number in range(50))
    assert len(frontier.pages(frontier.resolved())) == 50
    frontier.close()
