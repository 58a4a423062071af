import json
from collections.abc import Callable
from pathlib import Path

from strokemap.home import open_home


def test_demonstration_does_every_part_of_the_main_job(demonstration) -> None:
    summary = demonstration.summary
    assert set(summary) == {
        *("terms", "links", "articles", "patients", "searches", "recommendations", "ledger", "seconds")
    }
    assert summary["ledger"] == "verified"
    assert all(summary[name] > 0 for name in summary if name != "ledger")


def test_demonstration_says_that_it_is_one(demonstration) -> None:
    assert "invented" in demonstration.said[0]


def test_judging_matters_in_the_demonstration(demonstration, demo_command: Callable) -> None:
    build = json.loads(demo_command("builds", "list", "--json").out)[0]
    pages = json.loads(demo_command("builds", "show", build["digest"], "--json").out)["pages"]
    assert build["terms"] < pages, "off-topic pages were read and left out"


def test_demonstration_again_changes_nothing(demonstration, command: Callable, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        # A home of its own: others crawl, decide and publish on the one that they share.
        shown = command("--home", tmp_path / "demonstration", *words, "--json")
        assert shown.status == 0, shown.err
        return str(shown.out)

    def held() -> tuple[str, list[dict[str, object]]]:
        listed = json.loads(run("histories", "status"))["institutions"]
        return run("builds", "list"), [{**row, "checked": 0, "age_hours": 0} for row in listed]

    run("demo", "--once")
    before = held()
    again = run("demo", "--once")
    assert json.loads(again.splitlines()[-1])["terms"] == demonstration.summary["terms"]
    assert held() == before


def test_demonstration_leaves_a_home_with_real_work_alone(command: Callable, tmp_path: Path) -> None:
    open_home(tmp_path / "real")
    shown = command("--home", tmp_path / "real", "demo", "--once")
    assert shown.status == 2
    assert "may hold real work" in shown.err
