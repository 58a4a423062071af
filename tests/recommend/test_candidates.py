"""Needs → articles that are about them, however many others speak of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hive_queries import Fact
from kg_builder.projection import Projection
from recommend.candidates import Candidate, find_candidates
from recommend.needs import find_needs, read_facts
from recommend.rules import Rulebook
from recommend.weights import Weights
from search.article import Article
from search.index_files import write_index
from strokemap.progress import silent

Finder = Callable[..., dict[str, Candidate]]
ARMS = [
    Article(id=f"lib:arm-{number}", title="Exercises", text="Lift a cup. " * 40, subjects=("Hemiparesis",))
    for number in range(20)
]
OTHERS = [Article(id=f"lib:{number}", title="The moon", text="It is far away. " * 40) for number in range(300)]


@pytest.fixture
def find(
    fact: Callable[..., Fact], tiny_map: Projection, rulebook: Rulebook, weights: Weights, tmp_path: Path
) -> Finder:
    """Find candidates for a patient with hemiparesis among the given articles."""

    def run(*articles: Article) -> dict[str, Candidate]:
        needs = find_needs(read_facts([fact("RDEF2")], codes=rulebook.codes), projection=tiny_map)
        index = write_index(articles, folder=tmp_path / "index", progress=silent)
        found = find_candidates(needs, projection=tiny_map, index=index, limits=weights.limits)
        return {candidate.article.id: candidate for candidate in found}

    return run


def mentions(count: int, **fields: object) -> list[Article]:
    text = "Hemiparesis. Hemiparesis."
    return [Article(id=f"wiki:Page {n}#", title=f"Page {n}", text=text, **fields) for n in range(count)]  # type: ignore[arg-type]


@pytest.mark.parametrize("audience", ["", "clinician"])
def test_articles_about_a_need_are_found_among_many_that_mention_it(
    find: Finder, weights: Weights, audience: str
) -> None:
    many = mentions(int(weights.limits.found), audience=audience)
    assert {article.id for article in ARMS} <= set(find(*OTHERS, *many, *ARMS))


def test_articles_about_a_near_term_are_found_among_them_too(find: Finder, weights: Weights) -> None:
    stroke = Article(id="lib:stroke", title="The first days", text="On the ward.", subjects=("Stroke",))
    assert stroke.id in find(*OTHERS, *mentions(int(weights.limits.found)), *ARMS, stroke)


def test_the_best_of_those_that_mention_a_need_have_a_share_of_the_text(find: Finder) -> None:
    found = find(*OTHERS, *mentions(1), ARMS[0])
    assert set(found) == {"wiki:Page 0#", ARMS[0].id}
    assert max(share for each in found.values() for share in each.shares.values()) == 1.0


def test_hard_sections_of_pages_are_no_candidates_but_articles_for_clinicians_are(find: Finder) -> None:
    expert = Article(id="lib:expert", title="A guide", text="Hemiparesis.", audience="clinician")
    assert set(find(*mentions(3, audience="clinician"), expert)) == {"lib:expert"}
