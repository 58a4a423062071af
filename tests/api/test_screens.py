import re
from html import escape, unescape

import pytest
from fastapi.testclient import TestClient

from api.screens import COOKIE


@pytest.fixture
def visit(web: TestClient):
    """Sign in as one of the invented people and give the client with the session."""

    def enter(person: str) -> TestClient:
        web.cookies.clear()
        answer = web.post("/signin/demonstration", data={"person": person})
        assert answer.status_code == 303, answer.text
        return web

    yield enter
    web.cookies.clear()


@pytest.mark.parametrize("path", ["/search", "/recommendations", "/map", "/articles/lib:none"])
def test_stranger_is_sent_to_sign_in(web: TestClient, path: str) -> None:
    web.cookies.clear()
    answer = web.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, "/signin")


@pytest.mark.parametrize(
    ("person", "first"), [("clinician", "/search"), ("patient", "/recommendations"), ("curator", "/map")]
)
def test_each_role_begins_at_its_own_screen(visit, person: str, first: str) -> None:
    assert visit(person).get("/").headers["location"] == first


def test_demonstration_is_named_on_every_screen(visit) -> None:
    web = visit("curator")
    for path in ("/signin", "/search", "/map", "/map/review"):
        assert "All patients are invented" in web.get(path).text


def test_clinician_searches_and_sees_why(visit) -> None:
    page = visit("clinician").post("/search", data={"query": "mini stroke with trouble finding words"})
    assert page.status_code == 200
    assert "Transient ischemic attack" in page.text
    assert '<mark class="word">' in page.text
    assert "Why this article" in page.text
    assert "on the ledger" in page.text
    assert re.search(r"For Neo4j Browser</summary><pre[^>]*>UNWIND \[", page.text)
    assert "Neo4j" not in visit("patient").post("/search", data={"query": "mini stroke"}).text


def buttons(page: str, name: str) -> list[str]:
    return [unescape(value) for value in re.findall(rf'<button[^>]* name="{name}" value="([^"]+)"', page)]


def test_one_click_leaves_a_term_out_and_one_takes_it_back(visit) -> None:
    web = visit("clinician")
    first = buttons(web.post("/search", data={"query": "aphasia"}).text, "without")[0]
    page = web.post("/search", data={"query": "aphasia", "without": first}).text
    assert buttons(page, "back") == [first]
    assert first not in buttons(page, "without")
    again = web.post("/search", data={"query": "aphasia", "without": first, "back": first}).text
    assert first in buttons(again, "without")


def test_one_click_adds_a_related_term(visit) -> None:
    web = visit("clinician")
    page = web.post("/search", data={"query": "aphasia"}).text
    related = buttons(page, "with")[0]
    page = web.post("/search", data={"query": "aphasia", "with": related}).text
    assert related in buttons(page, "without")
    assert related not in buttons(page, "with")
    assert f'type="hidden" name="with" value="{escape(related)}"' in page


def test_next_page_goes_on_where_the_first_ended(visit) -> None:
    web = visit("clinician")
    first = web.post("/search", data={"query": "stroke"}).text
    index = re.search(r'name="index" value="([^"]+)"', first)[1]  # type: ignore[index]
    second = web.post("/search", data={"query": "stroke", "index": index, "offset": buttons(first, "offset")[0]}).text
    articles = r'<h3><a href="([^"]+)"'
    assert len(re.findall(articles, first)) == 10
    assert set(re.findall(articles, first)).isdisjoint(re.findall(articles, second))
    assert buttons(second, "offset")[0] == "0"
    late = web.post("/search", data={"query": "stroke", "index": "0" * 64, "offset": "10"})
    assert (late.status_code, "search.list.outdated" in late.text) == (409, True)


@pytest.mark.parametrize("person", ["clinician", "patient"])
def test_results_are_kept_to_a_source_a_kind_and_a_stage(visit, person: str) -> None:
    web = visit(person)
    wide = web.post("/search", data={"query": "stroke"}).text
    assert all(f'name="{name}"' in wide for name in ("source", "kind", "stage"))
    asked = {"query": "stroke", "source": "Strokemap demonstration", "kind": "do", "stage": "early"}
    kept = web.post("/search", data=asked).text
    articles = re.findall(r'<h3><a href="([^"]+)"', kept)
    assert articles
    for article in articles:
        meta = re.search(r'class="meta">([^<]+)<', web.get(unescape(article)).text)[1]  # type: ignore[index]
        assert meta.startswith("Strokemap demonstration · do")
        assert "early" in meta
    assert "<option selected>do</option>" in kept
    assert "<option selected>early</option>" in kept
    assert 'value="Strokemap demonstration"' in kept
    assert "No articles" in web.post("/search", data=asked | {"source": "elsewhere"}).text
    refused = web.post("/search", data=asked | {"kind": "rumour"})
    assert (refused.status_code, "search.query.invalid" in refused.text) == (422, True)


def test_query_as_it_was_meant_is_one_click_away(visit) -> None:
    web = visit("patient")
    meant = buttons(web.post("/search", data={"query": "strokke"}).text, "instead")
    assert meant == ["stroke"]
    assert 'name="query" value="stroke"' in web.post("/search", data={"query": "strokke", "instead": meant[0]}).text


def test_patient_reads_no_scores_and_no_technical_names_where_there_are_plain_ones(visit) -> None:
    patient = visit("patient").post("/search", data={"query": "brain attack, trouble finding words"}).text
    clinician = visit("clinician").post("/search", data={"query": "brain attack, trouble finding words"}).text
    for technical in ("Part of the score", "For PubMed", "Found in your words", "in the map"):
        assert technical in clinician
        assert technical not in patient
    assert "Has your words" in patient
    assert "reading grade" in patient


def test_clinician_copies_the_query_for_pubmed(visit) -> None:
    page = visit("clinician").post("/search", data={"query": "aphasia"}).text
    assert "[tiab]" in unescape(re.search(r"<textarea[^>]*>([^<]+)<", page)[1])  # type: ignore[index]


def test_curator_corrects_an_article_and_readers_find_it_so(visit) -> None:
    curator = visit("curator")
    path = "/articles/lib%3Ademonstration-arm-exercises"
    before = re.search(r"class=\"meta\">([^<]+)<", curator.get(path).text)[1]  # type: ignore[index]
    curator.post(path, data={"field": "review_by", "value": "2020-01"})
    assert path in unescape(curator.get("/library").text)
    curator.post(path, data={"field": "review_by", "value": ""})
    assert path not in unescape(curator.get("/library").text)
    assert curator.post(path, data={"field": "kind", "value": "rumour"}).status_code == 422
    assert before in curator.get(path).text
    assert 'name="field"' not in visit("clinician").get(path).text
    assert visit("clinician").post(path, data={"field": "kind", "value": "do"}).status_code == 403


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "'"])
def test_what_was_typed_is_shown_as_text(visit, text: str) -> None:
    page = visit("clinician").post("/search", data={"query": text}).text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "49" not in re.findall(r'name="query" value="([^"]*)"', page)[0]


def test_error_keeps_what_was_typed(visit) -> None:
    page = visit("clinician").post("/search", data={"query": "stroke", "with": "Afasia"})
    assert page.status_code == 422
    assert "search.term.unknown" in page.text
    assert 'value="stroke"' in page.text
    assert 'value="Afasia"' in page.text


def test_patient_reads_own_articles_with_reasons(visit) -> None:
    web = visit("patient")
    page = web.get("/recommendations").text
    assert 'class="reasons"' in page
    article = re.search(r'href="(/articles/[^"]+)"', page)
    assert article
    assert web.get(unescape(article[1])).status_code == 200


def test_patient_can_not_choose_another_patient(visit) -> None:
    page = visit("patient").post("/recommendations", data={"patient": "north-000002"})
    assert "north-000002" not in page.text


def test_clinician_chooses_a_patient_of_the_institution(visit) -> None:
    web = visit("clinician")
    assert web.post("/recommendations", data={"patient": "north-000001"}).status_code == 200
    assert web.post("/recommendations", data={"patient": "lake-1"}).status_code == 403
    assert web.post("/recommendations", data={"patient": "north-000001", "as_of": "2024-02-31"}).status_code == 422


def test_curator_sees_a_term_and_decides(visit) -> None:
    web = visit("curator")
    page = web.get("/map", params={"term": "Aphasia"}).text
    assert "<svg" in page
    assert "sentences that link it" in page
    answer = web.post(
        "/map/decisions", data={"action": "alias", "term": "Aphasia", "value": "word loss", "why": "a test"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/map?term=Aphasia")
    assert "word loss" in web.get("/map").text


def test_curator_reviews_decides_and_undoes_on_one_screen(visit) -> None:
    web = visit("curator")
    page = web.get("/map/review").text
    for heading in ("Least certain", "Likely duplicates", "Orphans", "Decisions in force"):
        assert f"<h2>{heading}</h2>" in page
    (first, *_) = re.findall(r'name="term" value="([^"]+)"', page)
    said = {"action": "accept", "term": first, "value": "", "why": "belongs here", "then": "review"}
    answer = web.post("/map/decisions", data=said)
    assert (answer.status_code, answer.headers["location"]) == (303, "/map/review")
    number, why = re.findall(r"<tr><td>(\d+)</td><td>accept .*?: (.*?)</td>", web.get("/map/review").text)[0]
    assert why == "belongs here"
    undo = {"action": "undo", "term": first, "value": number, "why": "a test", "then": "review"}
    assert web.post("/map/decisions", data=undo).status_code == 303
    assert "belongs here" not in web.get("/map/review").text
    assert visit("clinician").get("/map/review").status_code == 403


def test_clinician_looks_at_the_map_but_does_not_decide(visit) -> None:
    web = visit("clinician")
    assert "Record" not in web.get("/map").text
    answer = web.post("/map/decisions", data={"action": "reject", "term": "Aphasia", "why": "x"})
    assert answer.status_code == 403


def test_unknown_term_is_said_on_the_screen(visit) -> None:
    page = visit("curator").get("/map", params={"term": "Nothing at all"})
    assert page.status_code == 404
    assert "map.term.unknown" in page.text


def test_form_from_another_site_is_refused(visit) -> None:
    answer = visit("curator").post(
        "/map/decisions",
        data={"action": "reject", "term": "Aphasia", "why": "x"},
        headers={"Origin": "https://evil.example"},
    )
    assert answer.status_code == 403


def test_session_ends_at_sign_out(visit) -> None:
    web = visit("clinician")
    secret = web.cookies[COOKIE]
    web.post("/signout")
    web.cookies.set(COOKIE, secret)
    assert web.get("/search").headers["location"] == "/signin"


def test_session_cookie_is_out_of_reach_of_scripts_and_other_sites(web: TestClient) -> None:
    web.cookies.clear()
    cookie = web.post("/signin/demonstration", data={"person": "patient"}).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_token_opens_a_session(web: TestClient, token) -> None:
    web.cookies.clear()
    text = token("curator")["Authorization"].removeprefix("Bearer ")
    assert web.post("/signin", data={"token": text}).status_code == 303
    assert web.post("/signin", data={"token": text[:-2]}).status_code == 401


def test_screens_use_nothing_inline_and_nothing_from_elsewhere(visit) -> None:
    web = visit("curator")
    for path in ("/signin", "/search", "/map", "/map/review"):
        page = web.get(path).text
        assert not re.search(r"<script|\son[a-z]+=|style=|https?://", page)


def test_browser_gets_a_page_for_an_error_and_a_program_a_problem(visit) -> None:
    web = visit("patient")
    page = web.get("/map", headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "access.denied" in page.text
    assert web.get("/map").headers["content-type"] == "application/problem+json"
    page = web.get("/nosuch", headers={"Accept": "text/html"})
    assert (page.status_code, "strokemap.http" in page.text, "Sign out" in page.text) == (404, True, True)
    assert (web.get("/nosuch").status_code, web.get("/nosuch").json()["code"]) == (404, "strokemap.http")


def test_own_form_is_told_from_a_foreign_one_by_its_origin(web: TestClient) -> None:
    web.cookies.clear()
    assert web.get("/signin").headers["referrer-policy"] == "same-origin", "else browsers send Origin: null"
    for origin, status in (("http://strokemap.test", 303), ("null", 403), ("http://strokemap.test.evil.example", 403)):
        answer = web.post("/signin/demonstration", data={"person": "patient"}, headers={"Origin": origin})
        assert answer.status_code == status, origin
