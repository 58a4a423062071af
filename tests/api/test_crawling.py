"""The crawl as a person runs it: stopped from the keyboard, over a wiki that withholds pages, of another topic."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.kg_builder.conftest import export_file

PAGES = {
    "Stroke": "A stroke harms the [[brain]]. [[Aphasia]] may follow. It was studied by [[Ada Brown]].",
    "Brain": "The brain lies in the [[skull]]. A [[stroke]] harms it. [[Carl Dorn]] drew the brain.",
    "Aphasia": "Aphasia after a [[stroke]] is a harm to the [[brain]]. [[Speech therapy]] helps in aphasia.",
    "Ada Brown": "Ada Brown was a physician who wrote of [[stroke]].",
    "Carl Dorn": "Carl Dorn drew [[brain|brains]] after a [[stroke]].",
    "Skull": "The skull holds the [[brain]].",
    "Speech therapy": "Speech therapy helps with [[aphasia]] after a [[stroke]].",
}
TOPIC = 'name = "tiny"\nstarting_terms = ["Stroke"]\npath_length = 2\njudge = "model"\nthreshold = 0.0\n'


@dataclass
class Wiki:
    """What a wiki with a few pages answers over its API, with dials: pages whose text it withholds."""

    pages: dict[str, str]
    withheld: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def answer(self, question: dict[str, str]) -> dict[str, object]:
        if question.get("meta") == "siteinfo":
            return {"general": {"generator": "MediaWiki 1.45", "sitename": "W", "base": "http://w/wiki/Main"}}
        if question.get("list") == "recentchanges":
            return {"recentchanges": []}
        titles = question["titles"].split("|")
        self.asked += titles
        return {"pages": [self.page(title) for title in titles]}

    def page(self, title: str) -> dict[str, object]:
        known = {"ns": 0, "title": title}
        if title not in self.pages:
            return known | {"missing": True}
        main = {"badcontentformat": True} if title in self.withheld else {"content": self.pages[title]}
        return known | {"revisions": [{"slots": {"main": main}}]}


@pytest.fixture
def wiki(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiki]:
    wiki = Wiki(dict(PAGES))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            question = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            data = json.dumps({"query": wiki.answer(question)}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    wiki.address = f"http://127.0.0.1:{server.server_address[1]}/w/api.php"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setenv("STROKEMAP_CONTACT", "tests@strokemap.example")
    yield wiki
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def topic(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(TOPIC)
    return path


@pytest.fixture
def crawl(command: Callable, topic: Path) -> Callable[..., dict]:
    def run(source: object, *options: str) -> dict:
        shown = command("crawl", "--topic", topic, "--source", str(source), *options, "--json")
        assert shown.status == 0, shown.err
        return json.loads(shown.out)

    return run


def test_title_that_is_not_worth_reading_is_read_from_neither_source(
    crawl: Callable, command: Callable, wiki: Wiki, topic: Path, tmp_path: Path
) -> None:
    over_api, of_export = crawl(wiki.address), crawl(export_file(tmp_path / "wiki.xml", PAGES))
    assert over_api["digest"] == of_export["digest"]
    assert over_api["passed_over"] == of_export["passed_over"] == 1
    assert "Carl Dorn" not in wiki.asked
    assert "Ada Brown" in wiki.asked, "its links may be followed"
    assert json.loads(command("builds", "show", over_api["digest"], "--json").out)["passed_over"] == 1
    shown = command("crawl", "--topic", topic, "--source", wiki.address)
    assert "1 titles were passed over unread." in shown.out


def test_page_that_a_wiki_withholds_is_recorded_with_the_reason_and_asked_for_again_by_refresh_and_resume(
    crawl: Callable, command: Callable, wiki: Wiki, topic: Path
) -> None:
    whole = crawl(wiki.address)
    wiki.withheld = {"Brain"}
    lacking = crawl(wiki.address)
    assert lacking["failed"] == ["Brain: the wiki does not give its text"]
    assert lacking["digest"] != whole["digest"]
    assert json.loads(command("builds", "show", lacking["digest"], "--json").out)["failed"] == lacking["failed"]
    wiki.asked.clear()
    assert crawl(wiki.address, "--refresh")["failed"] == lacking["failed"]
    assert wiki.asked == ["Brain"]
    wiki.asked.clear()
    shown = command("crawl", "--topic", topic, "--source", wiki.address, "--resume")
    assert "1 titles failed" in shown.out
    assert wiki.asked == ["Brain"], "what is left of a crawl is what failed"
    wiki.withheld = set()
    mended = crawl(wiki.address, "--refresh")
    assert (mended["digest"], mended["failed"]) == (whole["digest"], [])


_INTERRUPTED = """
import os, signal, sys
from api.cli.main import main
from kg_builder.sources import dump

owner, name = getattr(dump, sys.argv[1]), sys.argv[2]
original, steps = getattr(owner, name), int(sys.argv[3])

def counted(*arguments, **more):
    global steps
    steps -= 1
    if steps == 0:
        os.kill(os.getpid(), signal.SIGINT)
    return original(*arguments, **more)

setattr(owner, name, counted)
main(sys.argv[4:])
"""


@pytest.mark.parametrize(("owner", "name", "step"), [("Reader", "feed", 2), ("XmlExport", "fetch", 4)])
def test_crawl_stopped_from_the_keyboard_says_how_to_go_on_and_ends_in_the_same_build(
    owner: str, name: str, step: int, crawl: Callable, topic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {f"Page {n}": f"Page {n} is of [[stroke]] and [[page {n + 1}]]." for n in range(120)}
    linked = PAGES["Stroke"] + " ".join(f" It has [[page {n}]]." for n in range(120))
    export = export_file(tmp_path / "wiki.xml", PAGES | more | {"Stroke": linked})
    monkeypatch.setenv("STROKEMAP_HOME", str(tmp_path / "stopped"))
    words = ["crawl", "--topic", str(topic), "--source", str(export), "--resume"]
    child = [sys.executable, "-c", _INTERRUPTED, owner, name, str(step), *words]
    done = subprocess.run(child, check=False, capture_output=True, text=True)
    assert done.returncode == 130, done.stderr
    assert "--resume" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    resumed = crawl(export, "--resume")
    monkeypatch.setenv("STROKEMAP_HOME", str(tmp_path / "whole"))
    assert resumed["digest"] == crawl(export)["digest"]


@pytest.mark.data
def test_another_topic_needs_no_line_of_code(command: Callable, test_data: Path) -> None:
    export = test_data / "wiki" / "wiki-medical.xml.bz2"
    made = json.loads(command("crawl", "--topic", "diabetes", "--source", export, "--publish", "--json").out)
    assert made["topic"] == "diabetes"
    assert made["terms"] > 40
    answer = json.loads(command("search", "low blood sugar", "--json").out)
    assert "Hypoglycemia" in [term["term"] for term in answer["terms"]]
    assert answer["expansion"]
