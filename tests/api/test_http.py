import io
import json
import socket
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from api.access import ALLOWED, ROLES
from api.acquiring import Intake
from api.app import make_app
from api.curating import Bench
from api.http.depends import STORE_CALLS
from api.service import open_service, utc_now
from kg_builder.stores.base import TermView
from ledger import parse_receipt
from search.article import KINDS, STAGES
from strokemap.errors import MapStoreUnreachable
from tests.servers.process import GIVEN_UP

MATERIAL = Path(__file__).parents[2] / "api" / "demonstration"


def test_search_answers_in_the_promised_shape(web: TestClient, token: Callable) -> None:
    answer = web.post("/api/v1/search", json={"query": "mini stroke"}, headers=token("clinician"))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["terms"][0]["term"] == "Transient ischemic attack"
    paths = [term["path"] for term in body["expansion"] if term["path"]]
    assert {"from", "to", "sentence", "section"} == set(paths[0][0])
    assert body["entry"] is not None


def test_switches_travel_in_the_body(web: TestClient, token: Callable) -> None:
    body = {"query": "aphasia", "with": ["Stroke"], "without": ["Dysarthria"], "limit": 2, "filters": {"kind": "do"}}
    answer = web.post("/api/v1/search", json=body, headers=token("clinician")).json()
    assert "Dysarthria" not in [term["term"] for term in answer["expansion"]]
    assert len(answer["results"]) <= 2
    assert {result["kind"] for result in answer["results"]} <= {"do"}


@pytest.mark.parametrize(
    "body",
    [
        {"query": 3},
        {},
        {"query": "x", "limit": "10"},
        {"query": "x", "limit": 0},
        {"query": "x", "colour": "red"},
        {"query": "x" * 10_001},
        {"query": "x", "audience": "king"},
        {"query": "x", "filters": {"kind": "rumour"}},
        {"query": "x", "filters": {"stage": "dawn"}},
        [],
    ],
)
def test_malformed_search_is_a_problem_that_names_the_place(web: TestClient, token: Callable, body: object) -> None:
    answer = web.post("/api/v1/search", json=body, headers=token("clinician"))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "strokemap.usage"
    assert problem["where"]


def test_problem_does_not_repeat_what_was_sent(web: TestClient, token: Callable) -> None:
    answer = web.post("/api/v1/search", json={"query": ["canary word"]}, headers=token("clinician"))
    assert "canary" not in answer.text


def test_kinds_and_stages_are_those_of_the_command_line(web: TestClient) -> None:
    filters = web.get("/openapi.json").json()["components"]["schemas"]["FiltersIn"]["properties"]
    for name, allowed in (("kind", KINDS), ("stage", STAGES)):
        assert {value for part in filters[name]["anyOf"] for value in part.get("enum", [part.get("const")])} == {
            *allowed,
            "",
        }


_ODD = st.lists(st.sampled_from([*'"-“. \x00\t\ud800\udfffé𝒳', "stroke ", "without "]), max_size=12).map("".join)


@settings(derandomize=True, deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example("")
@example(" \n")
@example("\udcff")
@given(st.one_of(st.text(max_size=40), _ODD).filter(lambda text: text != "-"))
def test_any_string_is_a_query_over_http_and_at_the_command_line(
    web: TestClient, token: Callable, demo_command: Callable, text: str
) -> None:
    # JSON escapes what is no character, and a shell hands it on.
    body = json.dumps({"query": text}).encode()
    sent = web.post("/api/v1/search", content=body, headers=token("clinician") | {"Content-Type": "application/json"})
    typed = demo_command("search", "--json", "--", text)
    assert (sent.status_code, typed.status) == (200, 0), (sent.text, typed.err)
    assert sent.json()["results"] == json.loads(typed.out)["results"]
    assert demo_command("search", "--", text).status == 0


def test_unknown_term_is_refused_with_a_hint(web: TestClient, token: Callable) -> None:
    answer = web.post("/api/v1/search", json={"query": "stroke", "with": ["Afasia"]}, headers=token("clinician"))
    assert (answer.status_code, answer.json()["code"]) == (422, "search.term.unknown")
    assert "Aphasia" in answer.json()["hint"]


def test_large_request_is_refused(web: TestClient, token: Callable) -> None:
    answer = web.post("/api/v1/search", content=b"x" * 2_000_000, headers=token("clinician"))
    assert (answer.status_code, answer.json()["code"]) == (413, "input.too_large")


def test_request_of_unknown_length_is_refused(web: TestClient, token: Callable) -> None:
    answer = web.post("/api/v1/search", content=iter([b"{}"]), headers=token("clinician"))
    assert (answer.status_code, answer.json()["code"]) == (413, "input.too_large")


def test_not_json_is_a_problem(web: TestClient, token: Callable) -> None:
    for content in (b"{", b"\xff\xfe"):
        answer = web.post(
            "/api/v1/search", content=content, headers=token("clinician") | {"Content-Type": "application/json"}
        )
        assert answer.status_code in {400, 422}
        assert answer.headers["content-type"] == "application/problem+json"


CALLS = {
    "search": ("POST", "/api/v1/search", {"query": "stroke"}),
    "recommend": ("POST", "/api/v1/recommendations", {"patient": "north-000001"}),
    "read article": ("GET", "/api/v1/articles/lib:none", None),
    "correct article": ("PATCH", "/api/v1/articles/lib:none", {"field": "kind", "value": "do"}),
    "read map": ("GET", "/api/v1/map/terms/Aphasia", None),
    "decide": ("POST", "/api/v1/map/decisions", {"action": "nothing", "term": "Aphasia", "why": "x"}),
    "publish": ("POST", "/api/v1/map/builds/none/publish", None),
    "send batch": ("POST", "/api/v1/histories/north/batches?format=ist", None),
    "ask": ("POST", "/api/v1/histories/questions/rehabilitation-attendance", {"params": {}}),
    "fetch receipt": ("GET", "/api/v1/ledger/receipts/0", None),
    "decision support": (
        "POST",
        "/cds-services/strokemap-articles",
        {"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "000001"}},
    ),
}


@pytest.mark.parametrize("action", ALLOWED)
@pytest.mark.parametrize("role", ROLES)
def test_role_reaches_only_what_the_table_allows(web: TestClient, token: Callable, action: str, role: str) -> None:
    method, path, body = CALLS[action]
    subject = "north-000001" if role == "patient" else "someone"
    answer = web.request(method, path, json=body, headers=token(role, subject=subject))
    refused = answer.status_code == 403 and answer.json()["code"] == "access.denied"
    assert refused == (role not in ALLOWED[action]), answer.text


@pytest.mark.parametrize("action", ALLOWED)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}])
def test_nothing_is_reached_without_a_token(web: TestClient, action: str, headers: dict[str, str]) -> None:
    method, path, body = CALLS[action]
    answer = web.request(method, path, json=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "access.token.invalid")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_patient_sees_only_their_own(web: TestClient, token: Callable) -> None:
    headers = token("patient", subject="north-000002")
    answer = web.post("/api/v1/recommendations", json={"patient": "north-000001"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "access.denied")


def test_patient_does_not_see_what_rules_held_back(web: TestClient, token: Callable) -> None:
    body = {"patient": "north-000001"}
    answer = web.post("/api/v1/recommendations", json=body, headers=token("patient", subject="north-000001"))
    assert answer.status_code == 200, answer.text
    assert answer.json()["withheld"] == []


def test_clinician_sees_only_patients_of_their_institution(web: TestClient, token: Callable) -> None:
    headers = token("clinician", institution="lake")
    answer = web.post("/api/v1/recommendations", json={"patient": "north-000001"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "access.denied")


def test_refusal_does_not_tell_whether_a_patient_exists(web: TestClient, token: Callable) -> None:
    answers = [
        web.post("/api/v1/recommendations", json={"patient": patient}, headers=token("clinician", institution="lake"))
        for patient in ("north-000001", "north-999999")
    ]
    assert answers[0].text == answers[1].text


def test_article_is_read_by_its_id(web: TestClient, token: Callable) -> None:
    found = web.post("/api/v1/search", json={"query": "aphasia"}, headers=token("clinician")).json()["results"]
    for result in found:
        answer = web.get(f"/api/v1/articles/{httpx_quote(result['id'])}", headers=token("clinician"))
        assert answer.status_code == 200, result["id"]
        assert result["title"].startswith(answer.json()["title"])


def test_unknown_article_and_term_are_not_found(web: TestClient, token: Callable) -> None:
    for path in ("/api/v1/articles/lib:none", "/api/v1/map/terms/Nothing"):
        answer = web.get(path, headers=token("curator"))
        assert answer.status_code == 404, answer.text


def test_term_is_read_with_its_sentences(web: TestClient, token: Callable) -> None:
    answer = web.get("/api/v1/map/terms/Aphasia", headers=token("curator")).json()
    assert answer["links"]
    assert all(link["sentence"] for link in answer["links"])


def test_recommendation_is_given_as_of_a_day(web: TestClient, token: Callable) -> None:
    body = {"patient": "north-000001", "as_of": "2026-04-20"}
    answer = web.post("/api/v1/recommendations", json=body, headers=token("clinician"))
    assert (answer.status_code, answer.json()["as_of"]) == (200, "2026-04-20")
    wrong = web.post("/api/v1/recommendations", json=body | {"as_of": "20 April"}, headers=token("clinician"))
    assert (wrong.status_code, wrong.json()["where"]) == (422, "body.as_of")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_map_store_that_hangs_stops_curators_with_a_code_and_readers_not_at_all(
    demonstration: Any, token: Callable, method: str
) -> None:
    setup = demonstration.setup
    with socket.create_server(("127.0.0.1", 0)) as silent_server:
        address = f"neo4j://curator:hunter2@127.0.0.1:{silent_server.getsockname()[1]}"
        app = make_app(
            open_service(setup.home, setup.keys),
            bench=Bench(home=setup.home, store_url=address),
            intake=Intake(home=setup.home, keys=setup.keys, store_url=setup.settings.history_store_url(), now=utc_now),
        )
        decision = {"action": "accept", "term": "Aphasia", "why": "a test"}
        path, body = {"GET": ("terms/Aphasia", None), "POST": ("decisions", decision)}[method]
        with TestClient(app, base_url="http://strokemap.test", raise_server_exceptions=False) as web:
            started = time.monotonic()
            answer = web.request(method, f"/api/v1/map/{path}", json=body, headers=token("curator"))
            assert time.monotonic() - started < GIVEN_UP
            assert (answer.status_code, answer.json()["code"]) == (503, "map.store.unreachable")
            assert answer.json()["retryable"] is True
            assert "hunter2" not in answer.text
            found = web.post("/api/v1/search", json={"query": "aphasia"}, headers=token("clinician"))
            assert found.status_code == 200


class HangingStore(Bench):
    """A bench whose calls hang until they are let go, and are counted."""

    gate, begun = threading.Event(), threading.Semaphore(0)

    def term(self, title: str) -> TermView:
        self.begun.release()
        self.gate.wait()
        raise MapStoreUnreachable("The map store can't be reached.", hint="", where=None)


def test_calls_that_hang_at_a_store_take_no_thread_from_readers(demonstration: Any, token: Callable) -> None:
    setup = demonstration.setup
    bench = HangingStore(home=setup.home, store_url=setup.settings.map_store_url())
    intake = Intake(home=setup.home, keys=setup.keys, store_url=setup.settings.history_store_url(), now=utc_now)
    app = make_app(open_service(setup.home, setup.keys), bench=bench, intake=intake)
    most = int(STORE_CALLS.total_tokens)
    with TestClient(app, base_url="http://strokemap.test") as web, ThreadPoolExecutor(most + 1) as people:
        try:
            curator, reader = token("curator"), token("clinician")
            asked = [people.submit(web.get, "/api/v1/map/terms/Aphasia", headers=curator) for _ in range(most)]
            assert all(bench.begun.acquire(timeout=60) for _ in asked)
            found = people.submit(web.post, "/api/v1/search", json={"query": "aphasia"}, headers=reader)
            assert found.result(timeout=60).status_code == 200
            assert not any(one.done() for one in asked)
        finally:
            bench.gate.set()
        assert {one.result().status_code for one in asked} == {503}


def test_decision_is_recorded_with_who(web: TestClient, token: Callable) -> None:
    body = {"action": "alias", "term": "Aphasia", "value": "loss of words", "why": "patients say so"}
    answer = web.post("/api/v1/map/decisions", json=body, headers=token("curator", subject="curator-7"))
    assert answer.status_code == 200, answer.text
    assert (answer.json()["who"], answer.json()["number"] > 0) == ("curator-7", True)
    undo = {"action": "undo", "term": "", "value": str(answer.json()["number"]), "why": "the test is over"}
    assert web.post("/api/v1/map/decisions", json=undo, headers=token("curator")).status_code == 200


def test_build_is_published_again(web: TestClient, token: Callable, demonstration) -> None:
    digest = demonstration.setup.home.current("map")
    answer = web.post(f"/api/v1/map/builds/{digest}/publish", headers=token("curator"))
    assert answer.json()["digest"] == digest


def test_batch_sent_again_counts_once(web: TestClient, token: Callable) -> None:
    content = (MATERIAL / "patients" / "north.ist.csv").read_bytes()
    path = "/api/v1/histories/north/batches?format=ist"
    headers = token("institution", subject="gateway")
    answer = web.post(path, content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["already"] is True


def test_folder_is_sent_as_zip(web: TestClient, token: Callable) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted((MATERIAL / "patients" / "lake").iterdir()):
            archive.write(path, path.name)
    headers = token("institution", subject="gateway", institution="lake")
    answer = web.post("/api/v1/histories/lake/batches?format=fhir", content=packed.getvalue(), headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["already"] is True


@pytest.mark.parametrize("name", ["../../escape", "/etc/escape", "folder/file"])
def test_zip_that_leaves_its_folder_is_refused(web: TestClient, token: Callable, demonstration, name: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, "x")
    headers = token("institution", subject="gateway", institution="lake")
    answer = web.post("/api/v1/histories/lake/batches?format=fhir", content=packed.getvalue(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "history.batch.malformed")
    received = demonstration.setup.home.work / "received"
    assert list(received.iterdir()) == []


def test_institution_sends_only_its_own(web: TestClient, token: Callable) -> None:
    headers = token("institution", subject="gateway", institution="lake")
    answer = web.post("/api/v1/histories/north/batches?format=ist", content=b"x", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "access.denied")


def test_clinician_asks_for_own_patients_and_others_get_counts_of_five_and_more(
    web: TestClient, token: Callable
) -> None:
    path = "/api/v1/histories/questions/rehabilitation-attendance"
    clinician = token("clinician", institution="lake")
    told = web.post(path, json={}, headers=clinician).json()
    opened = json.loads(web.app.state.doors.service.ledger.open(told["entry"]))
    rows = told["rows"]
    assert opened == {"question": "rehabilitation-attendance", "params": {}, "rows": len(rows)}
    assert {row[0] for row in rows} == {"lake"}
    patients = {row[1] for row in rows}
    for patient in patients:
        given = web.post("/api/v1/recommendations", json={"patient": patient}, headers=clinician)
        assert (given.status_code, given.json()["patient"]) == (200, patient)
    answer = web.post(path, json={}, headers=token("auditor")).json()
    assert answer["columns"] == ["institution", "patients"]
    assert ["lake", len(rows)] in answer["rows"]
    few = "/api/v1/histories/questions/aphasia-without-speech-therapy"
    counts = web.post(few, json={"params": {"days": "400"}}, headers=token("curator")).json()
    assert counts["fewest_counted"] == 5
    assert [patients for _, patients in counts["rows"] if patients is None or patients < 5] == [None]
    assert counts["data_as_of"]


def test_wrong_parameter_of_a_question_is_refused(web: TestClient, token: Callable) -> None:
    path = "/api/v1/histories/questions/readmission"
    answer = web.post(path, json={"params": {"days": "soon"}}, headers=token("clinician"))
    assert (answer.status_code, answer.json()["code"]) == (422, "history.question.invalid")


def test_receipt_and_tiles_are_served(web: TestClient, token: Callable) -> None:
    entry = web.post("/api/v1/search", json={"query": "walking"}, headers=token("clinician")).json()["entry"]
    web.app.state.doors.service.ledger.publish()
    receipt = web.get(f"/api/v1/ledger/receipts/{entry}", headers=token("auditor"))
    assert receipt.status_code == 200, receipt.text
    assert parse_receipt(receipt.content)
    checkpoint = web.get("/ledger/checkpoint").text
    size = int(checkpoint.splitlines()[1])
    assert size > entry
    assert web.get(f"/ledger/tile/0/000.p/{size % 256}").status_code == 200


@pytest.mark.parametrize("path", ["%2e%2e/checkpoint", "..%2flog.db", "0/../../log.db", "64/000", "0/1", "entries/abc"])
def test_only_tiles_are_served_from_the_ledger(web: TestClient, path: str) -> None:
    assert web.get(f"/ledger/tile/{path}").status_code == 404


def test_unpublished_entry_has_no_receipt_yet(web: TestClient, token: Callable) -> None:
    answer = web.get("/api/v1/ledger/receipts/999999", headers=token("auditor"))
    assert answer.status_code in {404, 503}
    assert answer.json()["code"].startswith("ledger.")


def test_cards_are_given_for_the_patient_in_view(web: TestClient, token: Callable) -> None:
    services = web.get("/cds-services").json()["services"]
    body = {"hook": "patient-view", "hookInstance": "d1577c69", "context": {"patientId": "000001", "userId": "x"}}
    answer = web.post(f"/cds-services/{services[0]['id']}", json=body, headers=token("clinician"))
    assert answer.status_code == 200, answer.text
    for card in answer.json()["cards"]:
        assert len(card["summary"]) <= 140
        assert {"summary", "indicator", "source"} <= set(card)


def test_infobutton_answers_with_a_feed(web: TestClient, token: Callable) -> None:
    answer = web.get("/infobutton", params={"mainSearchCriteria.v.dn": "Aphasia"}, headers=token("clinician"))
    assert answer.json()["feed"]["entry"]
    missing = web.get("/infobutton", headers=token("clinician"))
    assert (missing.status_code, missing.json()["where"]) == (422, "mainSearchCriteria.v.dn")


def test_health_readiness_and_metrics(web: TestClient, demonstration) -> None:
    assert web.get("/healthz").text == "ok\n"
    ready = web.get("/readyz").json()
    assert (ready["ready"], ready["problems"]) == (True, [])
    assert ready["build"] == demonstration.setup.home.current("map")
    assert "strokemap_answers_total" in web.get("/metrics").text


def test_metrics_name_routes_never_what_was_asked(web: TestClient, token: Callable) -> None:
    web.get("/api/v1/map/terms/Canaryterm", headers=token("curator"))
    assert "Canaryterm" not in web.get("/metrics").text


def test_answers_carry_the_headers_that_browsers_need(web: TestClient) -> None:
    headers = web.get("/signin").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


def test_every_route_is_described_with_its_problems(web: TestClient) -> None:
    schema = web.get("/openapi.json").json()
    for path, methods in schema["paths"].items():
        for method, described in methods.items():
            assert described.get("summary") or described.get("description"), (path, method)
            assert "422" in described["responses"], (path, method)


def test_unknown_path_is_a_problem(web: TestClient) -> None:
    answer = web.get("/api/v1/nothing")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def httpx_quote(text: str) -> str:
    from urllib.parse import quote

    return quote(text)


def test_no_health_data_stands_in_any_log(web: TestClient, token: Callable, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    web.post("/api/v1/search", json={"query": "canaryquery aphasia"}, headers=token("clinician"))
    web.post("/api/v1/recommendations", json={"patient": "north-000001"}, headers=token("clinician"))
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert not [line for line in ours if "canaryquery" in line or "000001" in line]
    assert json.dumps(ours) is not None
