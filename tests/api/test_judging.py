"""Decisions teach the judge, crawls use what was learnt, and a worse model is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.curating import Bench
from api.demo import MATERIAL
from api.growing import Crawl, grow
from api.judging import model_in_force, own_model, train
from api.service import utc_now
from kg_builder.judge.model import ModelJudge, shipped_model
from strokemap.errors import FormatUnknown, JudgeWorse
from strokemap.home import open_home
from strokemap.model import format_model
from strokemap.progress import silent
from strokemap.topic import load_topic

ASKED = Crawl(topic=load_topic("stroke"), source=str(MATERIAL / "pages.xml"))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench whose published map is the demonstration's."""
    home = open_home(tmp_path / "home")
    bench = Bench(home=home, store_url=f"sqlite://{home.root / 'map.db'}")
    bench.publish(grow(ASKED, bench=bench, now=utc_now(), progress=silent).digest)
    return bench


def _decide(bench: Bench, action: str, titles: list[str]) -> None:
    for title in titles:
        bench.decide(action=action, term=title, value="", why="seen", who="Dr Ito", now=utc_now())


def test_decisions_teach_the_judge_and_the_next_crawl_uses_it(bench: Bench) -> None:
    titles = [term.title for term in bench.queue(limit=8)]
    _decide(bench, "accept", titles)
    model, learnt = train(bench, contact="", progress=silent, now=utc_now())
    assert learnt == len(titles)
    assert model_in_force(bench.home) == model
    assert model.trained_on != shipped_model().trained_on
    build = grow(ASKED, bench=bench, now=utc_now(), progress=silent)
    assert build.made.judge == ModelJudge(model).name


def test_a_worse_model_is_refused_and_the_old_one_kept(bench: Bench) -> None:
    sure = replace(shipped_model(), intercept=50.0, trained_on="0" * 64)
    own_model(bench.home).write_text(format_model(sure), encoding="utf-8")
    _decide(bench, "accept", [term.title for term in bench.queue(limit=4)])
    with pytest.raises(JudgeWorse):
        train(bench, contact="", progress=silent, now=utc_now())
    assert model_in_force(bench.home) == sure


def test_without_decisions_the_shipped_model_stays(bench: Bench) -> None:
    model, learnt = train(bench, contact="", progress=silent, now=utc_now())
    assert (learnt, model.trained_on) == (0, shipped_model().trained_on)
    assert not own_model(bench.home).exists()


def test_a_damaged_model_is_told_by_a_code(bench: Bench) -> None:
    own_model(bench.home).write_text("{}", encoding="utf-8")
    with pytest.raises(FormatUnknown):
        grow(ASKED, bench=bench, now=utc_now(), progress=silent)
