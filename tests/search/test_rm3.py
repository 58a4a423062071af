from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.rm3 import expand_by_feedback, relevance_model
from search.article import Article
from search.index_files import write_index
from strokemap.progress import silent


def test_the_model_is_the_mean_of_the_documents_words_by_score():
    # By hand: a = 3/4 * 1/2 + 1/4 * 0, b = 3/4 * 1/2 + 1/4 * 1/4, c = 1/4 * 3/4.
    model = relevance_model([(Counter({"a": 1, "b": 1}), 3.0), (Counter({"b": 1, "c": 3}), 1.0)])
    assert model == pytest.approx({"a": 0.375, "b": 0.4375, "c": 0.1875})


def test_the_second_query_gives_half_to_the_own_words_and_leaves_common_words_out(tmp_path: Path):
    texts = ["stroke clot common", "clot vessel common", *["common"] * 18]
    articles = [Article(id=f"lib:{place:02}", title="", text=text) for place, text in enumerate(texts)]
    index = write_index(articles, folder=tmp_path / "index", progress=silent)
    found = expand_by_feedback(["stroke"], index=index, first=[("lib:00", 1.0)])
    weights = {clause.stems[0][1]: clause.weight for (clause,) in found.groups}
    assert weights == pytest.approx({"stroke": 0.75, "clot": 0.25})
