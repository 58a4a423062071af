"""histories, at the command line: mending, opting out, withdrawing, what is due or expires, which codes are unknown."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.acquiring import Intake
from hive_queries import pseudonym
from hive_queries.engines import Batch
from hive_queries.quarantine import quarantined
from ledger.lines import read_lines
from strokemap.home import Home, open_home
from strokemap.keys import Keys

HEADER = f"HOSPNUM,SEX,AGE,STYPE,RDATE,{','.join(f'RDEF{n}' for n in range(1, 9))}\n"
GOOD, BAD = f"1,F,70,PACS,sty-91{',N' * 8}\n", f"1,F,70,PACS,sty-91,Q{',N' * 7}\n"


@pytest.fixture
def north(command: Callable, tmp_path: Path) -> Callable:
    """Syncs rows of the trial's table as the institution north."""

    def sync(*rows: str, name: str = "north.csv") -> object:
        (tmp_path / name).write_text(HEADER + "".join(rows))
        return command("histories", "sync", "--institution", "north", "--format", "ist", tmp_path / name, "--json")

    return sync


def out(shown) -> dict:
    assert shown.status == 0, shown.err
    return json.loads(shown.out)


def test_bad_rows_are_written_out_mended_and_replayed_and_the_count_drops(
    command: Callable, north: Callable, tmp_path: Path
) -> None:
    assert out(north(GOOD, BAD, "1,F\n"))["quarantined"] == 2
    mending = tmp_path / "mending.jsonl"
    assert out(command("histories", "quarantine", "--out", mending, "--json"))["quarantined"] == 2
    assert mending.stat().st_mode & 0o777 == 0o600
    rows = [json.loads(line) for line in mending.read_text().splitlines()]
    assert [(row["line"], row["field"], row["row"]["RDEF1"]) for row in rows] == [(3, "RDEF1", "Q"), (4, "AGE", None)]
    rows[0]["row"]["RDEF1"] = "Y"
    mending.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    other = command("histories", "replay", "--institution", "south", "--format", "ist", mending)
    assert other.status == 1, "nobody's rows are taken as another's"
    replay = ("histories", "replay", "--institution", "north", "--format", "ist", mending, "--json")
    replayed = out(command(*replay))
    assert (replayed["rows"], replayed["quarantined"], replayed["already"]) == (1, 1, False)
    assert out(command(*replay))["already"]
    (left,) = out(command("histories", "quarantine", "--json"))["rows"]
    assert (left["file"], left["line"], left["reason"]) == ("north.csv", 4, "no cell")
    status, _ = out(command("histories", "status", "--json"))["institutions"]
    assert (status["patients"], status["rows"], status["quarantined"]) == (2, 2, 1), "the row's number is its patient"
    assert command("histories", "quarantine", "--out", mending).status == 2, "what is there is not written over"


@pytest.mark.parametrize("text", ["not json\n", "[]\n", '{"row": {}}\n', "\xff"])
def test_file_that_is_no_quarantine_is_not_replayed(command: Callable, tmp_path: Path, text: str) -> None:
    (tmp_path / "rows").write_bytes(text.encode("latin-1"))
    shown = command("histories", "replay", "--institution", "north", "--format", "ist", tmp_path / "rows", "--json")
    assert json.loads(shown.out)["error"]["code"] in {"history.batch.malformed", "input.file.missing"}


def test_patient_who_opted_out_is_in_no_profile_cohort_or_count_until_they_are_back(
    command: Callable, north: Callable, tmp_path: Path
) -> None:
    out(north(GOOD, GOOD))
    assert out(command("histories", "opt-out", "north-000001", "--json"))["patients"] == 1
    assert out(command("histories", "status", "--json"))["institutions"][0]["patients"] == 1
    out(north(GOOD, GOOD, GOOD, name="later.csv"))
    assert out(command("histories", "profiles", "--json"))["patients"] == 2, "what comes later is left out, too"
    out(command("histories", "withdraw", "north", "--json"))
    out(north(GOOD, GOOD))
    assert out(command("histories", "profiles", "--json"))["patients"] == 1, "a withdrawal does not bring them back"
    assert out(command("histories", "opt-out", "north-000001", "--undo", "--json"))["patients"] == 2
    assert out(command("histories", "opt-out", "north-000001", "--json"))["patients"] == 1
    assert command("histories", "withdraw", "opt_out").status == 2
    assert command("histories", "opt-out", "nobody").status == 2


def test_question_tells_the_age_of_the_data_and_leaves_an_entry(
    command: Callable, north: Callable, tmp_path: Path
) -> None:
    out(north(GOOD))
    asked = ("histories", "ask", "rehabilitation-attendance", "--param", "days=31")
    before = out(command(*asked, "--json"))
    assert (before["entry"], before["entry_error"], len(before["rows"])) == (0, None, 1)
    north_last = out(command("histories", "status", "--json"))["institutions"][0]["last"]
    assert datetime.fromisoformat(before["data_as_of"]) == datetime.fromisoformat(north_last).replace(microsecond=0)
    # An opt-out and what a patient told us are newer, and say nothing of the institution's data.
    (tmp_path / "events.csv").write_text(
        "id,patient,at,event,code,value\n1,north-000001,2026-01-01,reading,8480-6,150\n"
    )
    sync = ("histories", "sync", "--institution", "strokemap", "--format", "events", tmp_path / "events.csv")
    assert command(*sync).status == 0
    assert command("histories", "opt-out", "north-000001").status == 0
    after = out(command(*asked, "--json"))
    assert (after["data_as_of"], after["rows"], after["entry"]) == (before["data_as_of"], [], 1)
    assert f"Newest data of {after['data_as_of']}.\nEntry 2 on the ledger." in command(*asked).out
    content = json.loads(out(command("ledger", "open", "0", "--json"))["content"])
    assert content == {"question": "rehabilitation-attendance", "params": {"days": "31"}, "rows": 1}
    leaf = next(read_lines(tmp_path / "home/ledger"))
    assert b'"kind":"question"' in leaf
    assert b'"role":"operator"' in leaf
    assert b"rehabilitation" not in leaf
    assert command("ledger", "verify").status == 0


def test_withdrawal_leaves_an_entry_and_nothing_else(command: Callable, north: Callable, tmp_path: Path) -> None:
    out(north(GOOD, BAD))
    river = tmp_path / "river.csv"
    river.write_text(HEADER + GOOD + BAD)
    out(command("histories", "sync", "--institution", "river", "--format", "ist", river, "--json"))
    out(command("histories", "profiles", "--json"))
    home = open_home(tmp_path / "home")
    key = Keys(folder=tmp_path / "keys", origin=home.origin).secret("pseudonym")
    folders = ("profiles", "work", "histories")

    def told(patient: str) -> bool:
        """Whether the pseudonym stands in any byte that is kept."""
        name = pseudonym(patient, key=key).encode()
        files = [path for folder in folders for path in (home.root / folder).rglob("*") if path.is_file()]
        assert len(files) > 5
        return any(name in path.read_bytes() for path in files)

    assert (told("north-000001"), told("river-000001")) == (True, True)
    gone = out(command("histories", "withdraw", "north", "--json"))
    assert (told("north-000001"), told("river-000001")) == (False, True)
    assert gone == {"institution": "north", "batches": 1, "entry": 0}
    content = json.loads(out(command("ledger", "open", "0", "--json"))["content"])
    assert content == {"institution": "north", "batches": 1}
    assert b"withdrawal" in (tmp_path / "home/ledger/log").read_bytes()
    assert [row["institution"] for row in out(command("histories", "status", "--json"))["institutions"]] == ["river"]
    named = [path for path in (tmp_path / "home").rglob("*north*") if "lock" not in str(path)]
    assert named == []
    assert command("histories", "withdraw", "north").status == 2


def test_status_says_what_is_due_and_what_failed_and_others_go_on(
    command: Callable, north: Callable, tmp_path: Path
) -> None:
    out(north(GOOD))
    (tmp_path / "broken.csv").write_text("not,a,table\n")
    failed = command("histories", "sync", "--institution", "south", "--format", "ist", tmp_path / "broken.csv")
    assert failed.status == 1
    (tmp_path / "strokemap.toml").write_text("[sync_hours]\nnorth = 24\neast = 24\n")
    settings = ("--config", tmp_path / "strokemap.toml")
    listed = out(command(*settings, "histories", "status", "--json"))["institutions"]
    found = {row["institution"]: (row["patients"], row["due"], row["problem"], row["age_hours"]) for row in listed}
    assert found == {
        "east": (0, True, None, None),
        "north": (1, False, None, 0.0),
        "south": (0, False, "history.batch.malformed", None),
    }
    assert out(command("histories", "profiles", "--json"))["patients"] == 1
    (tmp_path / "strokemap.toml").write_text("[sync_hours]\nnorth = 0\n")
    assert "north: 1 patients" in command(*settings, "histories", "status").out
    assert ", due" in command(*settings, "histories", "status").out


def test_batches_expire_after_the_retention_period_and_opt_outs_do_not(home: Home, keys: Keys, tmp_path: Path) -> None:
    def intake(day: int) -> Intake:
        now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
        url = f"duckdb:///{tmp_path / 'histories'}"
        return Intake(home=home, keys=keys, store_url=url, now=lambda: now, retention_days=30)

    for day, rows in ((0, GOOD + BAD), (20, GOOD + GOOD)):
        (tmp_path / "north.csv").write_text(HEADER + rows)
        intake(day).acquire(tmp_path / "north.csv", institution="north", format="ist")
    assert intake(20).opt_out("north-000001", undo=False).patients == 1
    assert [batch.institution for batch in held(intake(30))] == ["north", "north", "opt_out"]
    assert intake(31).make_profiles().patients == 1
    assert len(held(intake(31))) == 2
    assert list(quarantined(home.work, key=keys.secret("pseudonym"))) == []
    assert intake(60).make_profiles().patients == 0
    assert [batch.institution for batch in held(intake(60))] == ["opt_out"]


def held(intake: Intake) -> tuple[Batch, ...]:
    with intake.store() as store:
        return store.batches()


def test_unknown_codes_are_listed_by_frequency_and_rare_ones_are_not_named(command: Callable, tmp_path: Path) -> None:
    def condition(number: int, code: str, system: str = "http://hl7.org/fhir/sid/icd-10-cm") -> str:
        coding = {"coding": [{"system": system, "code": code}]}
        subject = {"reference": f"Patient/p{number}"}
        resource = {"resourceType": "Condition", "id": f"{code}-{number}", "subject": subject, "code": coding}
        return f"{json.dumps(resource)}\n"

    lines = [condition(n, "I63.9") + condition(n, "S72.001A") + condition(n, "X9Z") for n in range(6)]
    lines += [condition(7, "T63.001A"), condition(8, "X9Z")]
    (tmp_path / "lake.ndjson").write_text("".join(lines))
    out(command("histories", "sync", "--institution", "lake", "--format", "fhir", tmp_path / "lake.ndjson", "--json"))
    document = out(command("histories", "codes", "--json"))
    assert [(row["code"], row["facts"], row["known"]) for row in document["codes"]] == [
        ("X9Z", 7, False),
        ("S72.001A", 6, True),
    ]
    assert "Fracture of unspecified part of neck of right femur" in document["codes"][1]["words"]
    assert document["rare"] == 1
