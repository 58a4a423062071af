import bz2
import functools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from api.cli.main import COMMANDS
from api.demo import MATERIAL
from api.indexing import KEPT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with inputs of every wrong kind."""
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text.xml").write_text("this is no XML")
    (tmp_path / "other.xml").write_text("<html><body>no export</body></html>")
    (tmp_path / "latin.xml").write_bytes("<mediawiki>Schl\xe4ganfall</mediawiki>".encode("latin-1"))
    (tmp_path / "bomb.xml").write_text('<!DOCTYPE m [<!ENTITY a "aaaa">]><mediawiki>&a;</mediawiki>')
    whole = bz2.compress(b"<mediawiki>" + b"x" * 100_000)
    (tmp_path / "cut.xml.bz2").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.bz2").write_text("not compressed")
    (tmp_path / "bad.jsonl").write_text("no json\n")
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "1", "title": "\xe4"}\n')
    (tmp_path / "bad.toml").write_text("name = ")
    (tmp_path / "receipt").write_text("no receipt")
    (tmp_path / "labels.tsv").write_text("name\tnear\nStroke\tperhaps\n")
    (tmp_path / "latin.toml").write_bytes(b'contact = "\xe4"\n')
    (tmp_path / "empty.ttl").write_bytes(b"")
    (tmp_path / "text.ttl").write_text("this is no Turtle")
    (tmp_path / "queries.jsonl").write_text('{"_id": "1", "text": "stroke"}\n')
    (tmp_path / "qrels.tsv").write_text("1\tdocument\t1\n")
    return tmp_path


HOSTILE = [
    ["crawl", "--topic", "stroke", "--source", "{}/missing.xml"],
    ["crawl", "--topic", "stroke", "--source", "{}/empty"],
    ["crawl", "--topic", "stroke", "--source", "{}/text.xml"],
    ["crawl", "--topic", "stroke", "--source", "{}/other.xml"],
    ["crawl", "--topic", "stroke", "--source", "{}/latin.xml"],
    ["crawl", "--topic", "stroke", "--source", "{}/bomb.xml"],
    ["crawl", "--topic", "stroke", "--source", "{}/cut.xml.bz2"],
    ["crawl", "--topic", "stroke", "--source", "{}/text.bz2"],
    ["crawl", "--topic", "stroke", "--source", "{}"],
    ["crawl", "--topic", "stroke", "--source", "ftp://somewhere"],
    ["crawl", "--topic", "nothing", "--source", "{}/empty"],
    ["crawl", "--topic", "{}/bad.toml", "--source", "{}/empty"],
    ["crawl", "--topic", "stroke", "--source", "{}/empty", "--path-length", "-1"],
    ["crawl", "--topic", "stroke", "--source", "{}/empty", "--path-length", "two"],
    ["crawl", "--topic", "stroke", "--source", "{}/empty", "--max-pages", "0"],
    ["crawl"],
    ["crawl", "--topic", "stroke", "--source", ""],
    ["crawl", "--topic", "{}/\udcff.toml", "--source", "{}/empty"],
    ["builds", "show", "abc"],
    ["builds", "show", ""],
    ["builds", "publish", ""],
    ["builds", "import", "{}/empty.ttl"],
    ["builds", "import", "{}/text.ttl"],
    ["builds", "import", "{}/\udcff.ttl"],
    ["builds", "diff", "abc", "def"],
    ["builds", "publish", "abc"],
    ["builds", "rollback"],
    ["export", "{}/out", "--format", "turtle"],
    ["export", "{}/out", "--format", "word"],
    ["curate", "reject", "Stroke", "--why", "x"],
    ["curate", "undo", "7", "--why", "x"],
    ["curate", "accept", "\udcffx", "--why", "a"],
    ["curate", "accept", "Stroke", "--why", "\udcff"],
    ["curate", "rename", "Stroke", "x" * 10_000, "--why", "a"],
    ["curate", "queue"],
    ["articles", "import", "{}/missing.jsonl"],
    ["articles", "import", "{}/bad.jsonl", "--strict"],
    ["articles", "import", "{}/latin.jsonl", "--strict"],
    ["articles", "import", "{}"],
    ["articles", "set", "lib:none", "kind", "do"],
    ["index"],
    ["search", "stroke"],
    ["search", ""],
    ["search", "stroke", "--limit", "ten"],
    ["histories", "sync", "--institution", "north", "--format", "ist", "{}/missing.csv"],
    ["histories", "sync", "--institution", "north", "--format", "ist", "{}/empty"],
    ["histories", "sync", "--institution", "north", "--format", "ist", "{}/text.xml"],
    ["histories", "sync", "--institution", "north", "--format", "paper", "{}/empty"],
    ["histories", "sync", "--institution", "../north", "--format", "ist", "{}/empty"],
    ["histories", "sync", "--institution", "north", "--format", "synthea", "{}/empty"],
    ["histories", "sync", "--institution", "north", "--format", "fhir", "{}/text.xml"],
    ["histories", "withdraw", "../north"],
    ["histories", "ask", "nothing"],
    ["histories", "ask", "nothing", "--param", "x"],
    ["recommend", "north-1"],
    ["recommend", "north"],
    ["recommend"],
    ["recommend", "north-1", "--as-of", "yesterday"],
    ["evaluate", "map", "--topic", "stroke", "--labels", "{}/missing.tsv"],
    ["evaluate", "map", "--topic", "stroke", "--labels", "{}/labels.tsv"],
    [
        "evaluate",
        "retrieval",
        "--corpus",
        "{}/bad.jsonl",
        "--queries",
        "{}/bad.jsonl",
        "--qrels",
        "{}/labels.tsv",
        "--no-expand",
    ],
    ["evaluate", "retrieval", "--corpus", "{}/missing", "--queries", "{}/missing", "--qrels", "{}/missing"],
    [
        "evaluate",
        "retrieval",
        "--corpus",
        "{}/empty",
        "--queries",
        "{}/queries.jsonl",
        "--qrels",
        "{}/qrels.tsv",
        "--no-expand",
    ],
    ["ledger", "verify", "--receipt", "{}/missing"],
    ["ledger", "verify", "--receipt", "{}/receipt"],
    ["ledger", "verify", "--receipt", "{}/receipt", "--key", "{}/missing"],
    ["ledger", "verify", "--receipt", "{}/receipt", "--key", "{}/latin.xml"],
    ["ledger", "verify", "--key", "{}/receipt"],
    ["ledger", "receipt", "99", "--out", "{}/out"],
    ["ledger", "open", "99"],
    ["ledger", "erase", "99", "--reason", "request"],
    ["ledger", "erase", "0", "--reason", "\udcff"],
    ["ledger", "erase", "0", "--reason", " "],
    ["token", "--role", "king", "--subject", "x"],
    ["token", "--role", "curator", "--subject", ""],
    ["token", "--role", "curator", "--subject", "\udcff"],
    ["token", "--role", "patient", "--subject", ""],
    ["token", "--role", "patient", "--subject", "somebody"],
    ["token", "--role", "institution", "--subject", "x"],
    ["serve", "--port", "99999"],
    ["serve"],
    ["--config", "{}/missing.toml", "config"],
    ["--config", "{}/bad.toml", "config"],
    ["--config", "{}/latin.toml", "config"],
    ["nonsense"],
    ["\udcff"],
]


@pytest.mark.parametrize("arguments", HOSTILE, ids=lambda words: " ".join(words).replace("{}/", "")[:80])
def test_hostile_input_gets_a_clear_error(command: Callable, folder: Path, arguments: list[str]) -> None:
    before = sorted(path.name for path in folder.iterdir())
    shown = command(*(word.replace("{}", str(folder)) for word in arguments))
    assert shown.status in {1, 2}, shown
    assert "Traceback" not in shown.err + shown.out
    assert "strokemap.unexpected" not in shown.err, shown.err
    lines = [line for line in shown.err.splitlines() if line.strip()]
    assert lines[-1].startswith("("), shown.err
    assert len(lines) >= 3, "a sentence, a hint and a code"
    left = sorted(path.name for path in folder.iterdir() if path.name not in {"home", "keys"})
    assert left == before


@pytest.mark.parametrize("arguments", HOSTILE[:12], ids=lambda words: " ".join(words).replace("{}/", "")[:80])
def test_error_is_one_json_document_when_asked_for(command: Callable, folder: Path, arguments: list[str]) -> None:
    shown = command(*(word.replace("{}", str(folder)) for word in arguments), "--json")
    error = json.loads(shown.out)["error"]
    assert set(error) == {"code", "message", "hint", "retryable", "where"}
    assert error["message"]
    assert error["hint"]


@pytest.mark.parametrize(
    ("source", "contact", "code", "status"),
    [
        ("https://wiki.invalid/w/api.php", "", "map.source.contact_missing", 2),
        ("ftp://wiki.invalid/", "ops@hospital.example", "map.source.unsupported", 1),
        ("http://127.0.0.1:1/w/api.php", "ops@hospital.example", "map.source.unreachable", 1),
        ("https://127.0.0.1:1/", "ops@hospital.example", "map.source.unreachable", 1),
    ],
)
def test_crawl_says_what_is_wrong_with_a_wikis_address(
    command: Callable, monkeypatch: pytest.MonkeyPatch, source: str, contact: str, code: str, status: int
) -> None:
    monkeypatch.setenv("STROKEMAP_CONTACT", contact)
    shown = command("crawl", "--topic", "stroke", "--source", source, "--json")
    error = json.loads(shown.out)["error"]
    assert (error["code"], shown.status) == (code, status)
    assert error["hint"]
    assert "Traceback" not in shown.err


def test_query_of_ten_megabytes_is_refused(demo_command: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api.cli.main", "search", "-"],
        input="stroke " * 1_500_000,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "search.query.invalid" in done.stderr


def test_failed_crawl_leaves_no_build(command: Callable, folder: Path) -> None:
    command("crawl", "--topic", "stroke", "--source", folder / "cut.xml.bz2", "--publish")
    assert json.loads(command("builds", "list", "--json").out) == []


def test_help_lists_every_command_and_loads_no_room() -> None:
    code = (
        "import sys, contextlib\nfrom api.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "print([m for m in ('kg_builder', 'search', 'spacy', 'pydantic') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout


def test_search_answers_in_the_promised_shape(demo_command: Callable) -> None:
    shown = demo_command("search", "mini stroke with trouble finding words", "--json")
    answer = json.loads(shown.out)
    assert set(answer) == {
        *("query", "audience", "build", "terms", "unlinked", "expansion", "why_no_expansion"),
        *("results", "entry", "entry_error", "took_ms"),
        *("offset", "more", "index", "related", "did_you_mean", "pubmed"),
    }
    assert "Transient ischemic attack" in [term["term"] for term in answer["terms"]]
    assert answer["results"]
    assert answer["entry"] is not None
    for term in answer["expansion"]:
        assert term["reason"]
        for step in term["path"]:
            assert set(step) == {"from", "to", "sentence", "section"}
    for result in answer["results"]:
        assert sum(part["score"] for part in result["parts"]) == pytest.approx(result["score"], abs=1e-6)


def test_search_can_be_steered(demo_command: Callable) -> None:
    answer = json.loads(demo_command("search", "aphasia", "--json").out)
    left_out = answer["expansion"][0]["term"]
    steered = json.loads(demo_command("search", "aphasia", "--without", left_out, "--json").out)
    assert left_out not in [term["term"] for term in steered["expansion"]]
    plain = json.loads(demo_command("search", "aphasia", "--no-expand", "--json").out)
    assert plain["expansion"] == []


def test_search_shows_paths_and_marks_at_the_command_line(demo_command: Callable) -> None:
    shown = demo_command("search", "mini stroke help")
    answer = json.loads(demo_command("search", "mini stroke help", "--json").out)
    steps = [step for term in answer["expansion"] for step in term["path"]]
    assert steps
    assert all(f"{step['from']} → {step['to']}: “{step['sentence']}”" in shown.out for step in steps)
    assert "*help*" in shown.out.lower()
    assert "_transient ischemic attack_" in shown.out.lower()


def test_patients_are_told_no_technical_names_at_the_command_line(demo_command: Callable) -> None:
    shown = demo_command("search", "trouble swalowing after a brain attack", "--audience", "patient").out
    assert "Did you mean: trouble swallowing after a brain attack" in shown
    reasons = [line for line in shown.splitlines() if "peaks of" in line or line.startswith("Also looked for")]
    assert any("trouble swallowing" in line for line in reasons)
    assert not re.search(r"swalowing|Dysphagia|Videofluoroscopy|plasminogen", "\n".join(reasons))


def test_what_was_asked_with_all_its_switches_stands_on_the_ledger(demo_command: Callable) -> None:
    switches = ("--with", "Aspirin", "--without", "Dysarthria", "--kind", "do", "--stage", "early")
    source = "Strokemap demonstration"
    answer = json.loads(demo_command("search", "aphasia", *switches, "--source", source, "--json").out)
    opened = json.loads(demo_command("ledger", "open", str(answer["entry"]), "--json").out)
    asked = json.loads(opened["content"])
    assert (asked["with"], asked["without"]) == (["Aspirin"], ["Dysarthria"])
    assert asked["filters"] == [source, "do", "early"]
    assert asked["results"] == [result["id"] for result in answer["results"]]
    assert asked["expansion"] == [[term["term"], term["weight"]] for term in answer["expansion"]]


def test_unknown_term_of_a_search_is_refused_with_a_near_one(demo_command: Callable) -> None:
    shown = demo_command("search", "stroke", "--with", "Afasia")
    assert shown.status == 1
    assert "search.term.unknown" in shown.err
    assert "Aphasia" in shown.err


def test_recommendation_answers_in_the_promised_shape(demo_command: Callable) -> None:
    answer = json.loads(demo_command("recommend", "north-000001", "--json").out)
    assert {"patient", "as_of", "profile_version", "results", "withheld", "why", "entry"} <= set(answer)
    for result in answer["results"]:
        assert result["reasons"]
        assert sum(part["score"] for part in result["parts"]) == pytest.approx(result["score"], abs=1e-6)


def test_receipt_of_an_answer_verifies(demo_command: Callable, tmp_path: Path) -> None:
    entry = json.loads(demo_command("search", "weak arm", "--json").out)["entry"]
    assert demo_command("ledger", "receipt", str(entry), "--out", tmp_path / "receipt").status == 0
    assert demo_command("ledger", "verify", "--receipt", tmp_path / "receipt").status == 0
    assert "weak arm" in demo_command("ledger", "open", str(entry)).out


def test_receipt_verifies_elsewhere_with_the_public_key_alone(
    demo_command: Callable, demonstration, tmp_path: Path
) -> None:
    receipt, key = tmp_path / "receipt", demonstration.setup.home.ledger / "vkey"
    assert demo_command("ledger", "receipt", "0", "--out", receipt).status == 0
    away = {"STROKEMAP_HOME": str(tmp_path / "home"), "STROKEMAP_KEYS": str(tmp_path / "keys")}
    verify = [sys.executable, "-m", "api.cli.main", "ledger", "verify", "--receipt", receipt]
    elsewhere = functools.partial(subprocess.run, env=os.environ | away, capture_output=True, text=True, check=False)
    done = elsewhere([*verify, "--key", key])
    assert done.stdout.startswith("Verified: entry 0 of "), done.stderr
    assert list(tmp_path.iterdir()) == [receipt]
    done = elsewhere(verify)
    assert done.returncode == 1
    assert "--key" in done.stderr


@pytest.mark.parametrize("gone", [["checkpoint"], ["checkpoint", "tile"], ["."]])
@pytest.mark.parametrize("cut", [False, True])
def test_ledger_that_is_not_whole_is_not_signed_anew(
    demo_command: Callable, demonstration, tmp_path: Path, gone: list[str], cut: bool
) -> None:
    home = tmp_path / "copy"
    shutil.copytree(demonstration.setup.settings.home, home)
    log = home / "ledger" / "log"
    if cut:
        log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-1]))
    for name in gone:
        path = home / "ledger" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for arguments in (["verify"], ["receipt", "0", "--out", tmp_path / "out"], ["export", tmp_path / "out"]):
        shown = demo_command("--home", home, "ledger", *arguments)
        assert (shown.status, "(ledger.checkpoint.missing)" in shown.err) == (1, True), shown
    # The answer is given where its entry still has a place of its own.
    shown = demo_command("--home", home, "search", "stroke")
    code = "ledger.log.damaged" if cut or gone == ["."] else "ledger.checkpoint.missing"
    assert (shown.status, f"({code})" in shown.err) == (int(code == "ledger.log.damaged"), True), shown
    assert demo_command("--home", home, "ledger", "verify").status == 1
    assert not (home / "ledger" / "checkpoint").exists()


def test_new_home_has_a_ledger_that_verifies(command: Callable) -> None:
    assert command("ledger", "verify").out.startswith("Verified: 0 entries")


def test_output_that_can_not_be_written_is_named(demo_command: Callable, tmp_path: Path) -> None:
    shown = demo_command("ledger", "receipt", "0", "--out", tmp_path / "nowhere" / "receipt")
    assert (shown.status, "(home.folder.unwritable)" in shown.err) == (1, True), shown


def test_map_is_not_measured_under_another_topic(demo_command: Callable, tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_text("title\tnear\nAphasia\t1\n")
    shown = demo_command("evaluate", "map", "--topic", "diabetes", "--labels", tmp_path / "labels.tsv")
    assert (shown.status, "(map.topic.invalid)" in shown.err) == (1, True), shown


def test_path_need_not_be_utf_8(demo_command: Callable, tmp_path: Path) -> None:
    shown = demo_command("export", tmp_path / "\udcff.csv", "--format", "csv", "--json")
    assert json.loads(shown.out)["out"] == str(tmp_path / "\udcff.csv")


def test_error_repeats_no_whole_file(command: Callable, tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_text("x" * 10_000_000)
    shown = command("evaluate", "map", "--topic", "stroke", "--labels", tmp_path / "labels.tsv")
    assert len(shown.err) < 2000


def test_erased_entry_can_not_be_opened_and_the_ledger_still_verifies(demo_command: Callable) -> None:
    entry = json.loads(demo_command("search", "a very private question", "--json").out)["entry"]
    assert demo_command("ledger", "erase", str(entry), "--reason", "request").status == 0
    shown = demo_command("ledger", "open", str(entry))
    assert shown.status == 1
    assert "ledger." in shown.err
    assert demo_command("ledger", "verify").status == 0


def test_decision_changes_the_next_build_and_is_undone(demo_command: Callable) -> None:
    material = Path(__file__).parents[2] / "api" / "demonstration" / "pages.xml"
    crawl = ("crawl", "--topic", "stroke", "--source", str(material), "--json")
    first = json.loads(demo_command(*crawl).out)
    number = json.loads(demo_command("curate", "reject", "Dysarthria", "--why", "a test", "--json").out)["number"]
    second = json.loads(demo_command(*crawl).out)
    assert second["digest"] != first["digest"]
    diff = json.loads(demo_command("builds", "diff", first["digest"], second["digest"], "--json").out)
    assert "Dysarthria" in diff["terms_removed"]
    (cause,) = (cause for cause in diff["causes"] if cause["of"] == ["Dysarthria"])
    assert (cause["decision"], cause["why"]) == (number, "reject Dysarthria (a test)")
    said = demo_command("builds", "diff", first["digest"], second["digest"]).out
    assert f"Dysarthria ← decision {number}: reject Dysarthria (a test)" in said
    demo_command("curate", "undo", str(number), "--why", "the test is over")
    assert json.loads(demo_command(*crawl).out)["digest"] == first["digest"]


@pytest.fixture
def copied_command(demo_command: Callable, demonstration, tmp_path: Path) -> Callable:
    """Run one command on a copy of the demonstration's home."""
    copy = shutil.copytree(demonstration.setup.settings.home, tmp_path / "copy")
    return partial(demo_command, "--home", copy)


def test_rollback_publishes_what_was_published_before(copied_command: Callable, tmp_path: Path) -> None:
    first = json.loads(copied_command("export", tmp_path / "map", "--format", "csv", "--json").out)["digest"]
    crawl = ("crawl", "--topic", "stroke", "--source", MATERIAL / "pages.xml", "--publish", "--json")
    copied_command("curate", "reject", "Dysarthria", "--why", "a test")
    assert json.loads(copied_command(*crawl).out)["digest"] != first
    assert json.loads(copied_command("builds", "rollback", "--json").out) == {"digest": first}


def test_judge_shows_its_weights_learns_and_shows_what_it_learnt(copied_command: Callable) -> None:
    shipped = json.loads(copied_command("judge", "show", "--json").out)
    assert shipped["model"] == "shipped"
    assert shipped["features"].keys() >= {"links_alike", "opening_alike"}
    assert f"threshold: {shipped['threshold']}\n" in copied_command("judge", "show").out
    for term in json.loads(copied_command("curate", "queue", "--limit", "6", "--json").out):
        copied_command("curate", "accept", term["term"], "--why", "a test")
    shown = copied_command("judge", "train", "--json")
    assert shown.status == 0, shown.err
    taught = json.loads(shown.out)
    assert taught["decisions"] == 6
    again = json.loads(copied_command("judge", "show", "--json").out)
    assert again["model"].endswith("judge.json")
    assert again["trained_on"] == taught["trained_on"] != shipped["trained_on"]


def test_exported_build_is_imported_elsewhere_under_the_same_digest(demo_command: Callable, tmp_path: Path) -> None:
    out = tmp_path / "map.ttl"
    digest = json.loads(demo_command("export", out, "--format", "turtle", "--json").out)["digest"]
    home = tmp_path / "elsewhere"
    assert json.loads(demo_command("--home", home, "builds", "import", out, "--json").out)["digest"] == digest
    assert demo_command("--home", home, "builds", "publish", digest[:8]).status == 0
    again = tmp_path / "again.ttl"
    assert demo_command("--home", home, "export", again, "--format", "turtle").status == 0
    assert len(again.read_text()) > 10_000


def test_path_of_two_terms_is_shown_with_its_cypher(demo_command: Callable) -> None:
    found = json.loads(demo_command("curate", "path", "Aphasia", "Dysphagia", "--json").out)
    assert [found["path"][0], found["path"][-1]] == ["Aphasia", "Dysphagia"]
    assert all(f'"{title}"' in found["cypher"] for title in found["path"])
    assert demo_command("curate", "path", "Aphasia", "Aphasia").out == "Aphasia\n"


@pytest.mark.parametrize("format_", ["turtle", "jsonld", "ntriples", "graphml", "csv"])
def test_map_is_exported(demo_command: Callable, tmp_path: Path, format_: str) -> None:
    shown = demo_command("export", tmp_path / "out", "--format", format_)
    assert shown.status == 0, shown.err
    assert (tmp_path / "out").exists()


def test_settings_are_printed(demo_command: Callable, demonstration) -> None:
    shown = json.loads(demo_command("config", "--json").out)
    assert shown["home"] == str(demonstration.setup.settings.home)


def test_quarantined_row_is_named_by_place_not_by_value(demo_command: Callable) -> None:
    document = json.loads(demo_command("histories", "quarantine", "--json").out)
    assert document["quarantined"] >= 1
    assert set(document["rows"][0]) == {"institution", "file", "line", "field", "reason"}


def test_withdrawn_institution_leaves_the_others(demo_command: Callable, demonstration, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(demonstration.setup.settings.home, copy)
    assert demo_command("--home", copy, "histories", "withdraw", "north").status == 0
    left = json.loads(demo_command("--home", copy, "histories", "status", "--json").out)["institutions"]
    assert {row["institution"] for row in left} == {"river", "lake"}
    assert demo_command("--home", copy, "recommend", "north-000001").status == 1


def test_damaged_index_is_made_anew_by_the_command_that_the_hint_names(
    demo_command: Callable, demonstration, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(demonstration.setup.settings.home, copy)
    for manifest in (copy / "index").glob("*/manifest.json"):
        manifest.write_text("{}")
    shown = demo_command("--home", copy, "search", "aphasia")
    assert shown.status == 1
    assert "strokemap index" in shown.err
    assert demo_command("--home", copy, "index").status == 0
    assert demo_command("--home", copy, "search", "aphasia").status == 0


def test_indexes_that_nobody_needs_are_swept(demo_command: Callable, demonstration, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(demonstration.setup.settings.home, copy)
    (copy / "index" / ".left-by-a-kill").mkdir()
    for number in range(KEPT + 3):
        correct = ("articles", "set", "lib:demonstration-words-practice-at-home", "focus", f"words {number}")
        assert demo_command("--home", copy, *correct).status == 0
    pointed = json.loads((copy / "current.json").read_text())["index"]
    names = {path.name for path in (copy / "index").iterdir()}
    assert pointed in names
    assert ".left-by-a-kill" not in names
    # A few for readers that are late, and the one that the present one edits.
    assert len(names) == KEPT + 1
