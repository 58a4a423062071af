"""Planted names, ids, rare codes and rare words go through a whole run, errors included; nothing that is kept or said
outside the stores repeats one."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.access import Caller
from api.acquiring import Intake
from api.app import make_app
from api.curating import Bench
from api.demo import MATERIAL
from api.service import open_service, utc_now
from api.tokens import make_token
from strokemap.home import open_home
from strokemap.keys import Keys

NAME, ID, CODE, WORD = "Zebulonia", "qx7719", "ZZ9.77", "quokkafever"
CANARIES = (NAME, ID, CODE, WORD)
MAPPING = """
[[file]]
patient = "who"
[[file.event]]
kind = "condition"
system = "clinic"
on = "day"
code = "what"
display = "words"
"""


@pytest.fixture
def extracts(tmp_path: Path) -> list[tuple[str, str, Path]]:
    """Institution, format and extract: each with a good row, a bad one, and a canary in every place."""
    coding = {"coding": [{"system": "http://snomed.info/sct", "code": CODE, "display": WORD}], "text": NAME}
    hypertension = {"coding": [{"system": "http://snomed.info/sct", "code": "38341003", "display": WORD}]}
    subject = {"subject": {"reference": f"Patient/{ID}"}}
    resources: list[dict[str, object]] = [
        {"resourceType": "Patient", "id": ID, "gender": "female", "name": [{"family": NAME}]},
        {"resourceType": "Condition", "id": ID, "code": coding, "note": [{"text": WORD}], **subject},
        {"resourceType": "Condition", "id": f"{ID}b", "code": coding, "onsetDateTime": NAME, **subject},
        {"resourceType": "Condition", "id": f"{ID}c", "code": hypertension, **subject},
        {"resourceType": NAME, "id": ID},
    ]
    lines = [json.dumps(resource) for resource in resources]
    (tmp_path / "lake.ndjson").write_text("\n".join([*lines, f"{{{NAME}"]))
    river = tmp_path / "river"
    river.mkdir()
    (river / "patients.csv").write_text(f"Id,BIRTHDATE,GENDER,FIRST,SSN\n{ID},1950,F,{NAME},{ID}\n{ID},{NAME},F,x,y\n")
    (river / "conditions.csv").write_text(
        f"START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n2020,,{ID},{ID},{CODE},{WORD}\n{WORD},,{ID},,{CODE},{WORD}\n"
    )
    signs = [f"RDEF{n}" for n in range(1, 9)]
    (tmp_path / "north.csv").write_text(
        f"HOSPNUM,SEX,AGE,STYPE,RDATE,{','.join(signs)},DSIDEX\n{ID},F,70,PACS,sty-91{',N' * 8},{WORD}\n"
        f"{ID},{NAME},70,PACS,sty-91{',N' * 8},{WORD}\n"
    )
    (tmp_path / "clinic.toml").write_text(MAPPING)
    (tmp_path / "clinic.csv").write_text(f"who,day,what,words\n{ID},2024,{CODE},{WORD}\n{ID},{NAME},{CODE},{WORD}\n")
    (tmp_path / "events.csv").write_text(
        f"id,patient,at,event,code,value,unit\n{ID},lake-{ID},2026-01-01T00:00:00Z,reading,{CODE},150,x\n"
        f"{ID},{NAME},2026-01-01T00:00:00Z,{WORD},{CODE},{WORD},x\n"
    )
    return [
        ("lake", "fhir", tmp_path / "lake.ndjson"),
        ("river", "synthea", river),
        ("north", "ist", tmp_path / "north.csv"),
        ("clinic", f"mapping:{tmp_path / 'clinic.toml'}", tmp_path / "clinic.csv"),
        ("strokemap", "events", tmp_path / "events.csv"),
    ]


def test_no_canary_leaves_the_stores(
    extracts: list[tuple[str, str, Path]], command: Callable, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []

    def run(*arguments: object, asked: bool = False) -> str:
        shown = command(*arguments)
        # What somebody asked for at the terminal is theirs to see; the rest of what is printed is not.
        said.extend([shown.err, "" if asked else shown.out])
        return shown.out

    run("articles", "import", MATERIAL / "articles.jsonl")
    run("crawl", "--topic", "stroke", "--source", MATERIAL / "pages.xml", "--publish")
    for institution, format_, path in extracts:
        sync = ("histories", "sync", "--institution", institution, "--format", format_)
        acquired = json.loads(run(*sync, path, "--json"))
        assert (acquired["rows"] > 0, acquired["quarantined"] > 0) == (True, True), institution
        only_bad = tmp_path / f"{institution}-bad.csv"
        only_bad.write_text(f"{NAME},{ID}\n{CODE},{WORD}\n")
        run(*sync, only_bad)
    run("histories", "profiles")
    run("histories", "status")
    run("histories", "quarantine", "--json")
    run("histories", "quarantine", "--out", tmp_path / "mending.jsonl")
    run("histories", "replay", "--institution", "river", "--format", "synthea", tmp_path / "mending.jsonl")
    run("histories", "codes", "--json")
    run("histories", "ask", "blood-pressure-above-target")
    answer = json.loads(run("histories", "ask", "rehabilitation-attendance", "--json", asked=True))
    assert [row["patient"] for row in answer["rows"]] == ["north-000001"]
    assert f"lake-{ID}" in run("histories", "ask", "risk-factors", asked=True)
    run("histories", "ask", WORD)
    run("histories", "ask", "blood-pressure-above-target", "--param", f"target={WORD}")
    run("search", f"{WORD} {NAME} aphasia", asked=True)
    command("search", "aphasia", "--with", WORD)  # its refusal names the term, to whom asked for it and nobody else
    run("recommend", f"lake-{ID}", asked=True)
    run("recommend", f"nowhere-{ID}")
    run("recommend", f"{NAME} {ID}")
    said.append(over_http(tmp_path))
    run("histories", "opt-out", f"lake-{ID}")
    run("recommend", f"lake-{ID}")
    run("histories", "withdraw", "river")
    run("ledger", "verify")

    home = tmp_path / "home"
    databases = [*home.glob("state.db*"), *home.glob("vault.db*")]  # with what SQLite has not written back yet
    kept = [path for path in (home / "ledger").rglob("*") if path.is_file()] + databases
    assert len(kept) > 4
    said += [path.read_bytes().decode("latin-1") for path in kept]
    said += [str(path.relative_to(home)) for path in home.rglob("*")]
    said += [record.getMessage() for record in caplog.records] + [caplog.text]
    stored = (tmp_path / "mending.jsonl").read_text()
    sealed = [path for path in (home / "work/quarantine").rglob("*") if path.is_file()]
    assert sealed
    said += [path.read_bytes().decode("latin-1") for path in sealed]
    for canary in CANARIES:
        assert canary in stored, "it was planted"
        offending = [text for text in said if canary.lower() in text.lower()]
        assert offending == [], canary


def over_http(tmp_path: Path) -> str:
    """Send, search, recommend and fail over HTTP; give the addresses asked, the errors and the metrics."""
    home = open_home(tmp_path / "home")
    keys = Keys(folder=tmp_path / "keys", origin=home.origin)
    url = f"duckdb:///{home.root / 'histories'}"
    app = make_app(
        open_service(home, keys),
        bench=Bench(home=home, store_url=f"sqlite:///{home.root / 'map.db'}"),
        intake=Intake(home=home, keys=keys, store_url=url, now=utc_now),
    )
    seen: list[str] = []
    with TestClient(app, base_url="http://strokemap.test", raise_server_exceptions=False) as web:

        def post(path: str, role: str, **sent: object) -> None:
            caller = Caller(role=role, subject="someone", institution="lake")
            token = make_token(caller, key=keys.secret("token"), origin=home.origin, now=utc_now())
            answer = web.post(path, headers={"Authorization": f"Bearer {token}"}, **sent)
            seen.append(str(answer.request.url))
            if answer.status_code >= 400:
                seen.append(answer.text)

        batches = "/api/v1/histories/lake/batches?format=fhir"
        post(batches, "institution", content=(tmp_path / "lake.ndjson").read_bytes())
        post(batches, "institution", content=f"{NAME} {ID}".encode())
        post("/api/v1/search", "clinician", json={"query": f"{WORD} {NAME}"})
        post("/api/v1/search", "clinician", json={"query": "aphasia", "with": [WORD], "limit": ID})
        for patient in (f"lake-{ID}", f"river-{ID}", f"lake-{NAME}", NAME):
            post("/api/v1/recommendations", "clinician", json={"patient": patient})
        seen.append(web.get("/metrics").text)
    return "\n".join(seen)
