"""The bundled demonstration is whole: it holds what it promises, its parts fit together, and it says what it is."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest

from strokemap.topic import load_topic

WIKI = "{http://www.mediawiki.org/xml/export-0.11/}"
LABEL = "Strokemap demonstration"
WRITTEN = date(2026, 11, 1)
FIELDS = (
    "id", "title", "text", "url", "source", "kind", "audience", "stage", "subjects",
    "synonyms", "language", "date", "licence",
)  # fmt: skip
HELP = re.compile(r"emergency number|urgent help|help at once|call .{0,20}for help|same day", re.IGNORECASE)
KINDS = {"understand", "do", "prevent", "care", "after-care", "caregiver"}
STAGES = {"at risk", "acute", "early", "late", "life after"}
NOT_EVIDENCE = re.compile(r"\{\{(?:Navbox|Infobox).*?\n\}\}|<ref.*?</ref>|<!--.*?-->|\[\[File:.*?\n", re.DOTALL)
IMPOSSIBLE_DAY = "2026-02-30"


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(str(files("api"))) / "demonstration"


@pytest.fixture(scope="module")
def export(folder: Path) -> ElementTree.Element:
    return ElementTree.parse(folder / "pages.xml").getroot()


@pytest.fixture(scope="module")
def texts(export: ElementTree.Element) -> dict[str, str]:
    """Wikitext by title: pages of the main namespace that are no redirects."""
    return {
        page.findtext(f"{WIKI}title", ""): page.findtext(f"{WIKI}revision/{WIKI}text", "")
        for page in export.iterfind(f"{WIKI}page")
        if page.findtext(f"{WIKI}ns") == "0" and page.find(f"{WIKI}redirect") is None
    }


@pytest.fixture(scope="module")
def redirects(export: ElementTree.Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for page in export.iterfind(f"{WIKI}page"):
        redirect = page.find(f"{WIKI}redirect")
        if redirect is not None:
            found[page.findtext(f"{WIKI}title", "")] = redirect.attrib["title"]
    return found


@pytest.fixture(scope="module")
def labels(folder: Path) -> dict[str, str]:
    with (folder / "labels.tsv").open(encoding="utf-8", newline="") as file:
        return {row["title"]: row["near"] for row in csv.DictReader(file, delimiter="\t")}


@pytest.fixture(scope="module")
def near(labels: dict[str, str]) -> set[str]:
    return {title for title, label in labels.items() if label == "1"}


@pytest.fixture(scope="module")
def links(texts: dict[str, str], redirects: dict[str, str]) -> dict[str, set[str]]:
    """Where each page's prose links to, redirects followed."""
    found: dict[str, set[str]] = {}
    for title, text in texts.items():
        targets = re.findall(r"\[\[([^\]|#:]+)[^\]:]*\]\]", NOT_EVIDENCE.sub("", text))
        found[title] = {follow(target[:1].upper() + target[1:], redirects) for target in targets}
    return found


@pytest.fixture(scope="module")
def articles(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "articles.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def resources(folder: Path) -> dict[str, list[dict[str, object]]]:
    return {
        path.stem: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (folder / "patients" / "lake").glob("*.ndjson")
    }


def follow(title: str, redirects: dict[str, str]) -> str:
    seen = {title}
    while title in redirects:
        title = redirects[title]
        assert title not in seen, f"a loop of redirects: {sorted(seen)}"
        seen.add(title)
    return title


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="ascii", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def strings(value: object, *, key: str = "") -> Iterator[tuple[str, str]]:
    """Give every text of a JSON document with the name of its field."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from strings(part, key=name)
    elif isinstance(value, list):
        for part in value:
            yield from strings(part, key=key)
    elif isinstance(value, str):
        yield key, value


def test_the_export_says_that_it_is_a_demonstration(export: ElementTree.Element) -> None:
    assert export.tag == f"{WIKI}mediawiki"
    assert export.attrib["version"] == "0.11"
    assert export.findtext(f"{WIKI}siteinfo/{WIKI}sitename") == LABEL
    assert {name.text for name in export.iter(f"{WIKI}username")} == {LABEL}


def test_page_ids_and_titles_are_unique_and_sizes_true(export: ElementTree.Element) -> None:
    pages = export.findall(f"{WIKI}page")
    for field in ("title", "id"):
        values = Counter(page.findtext(f"{WIKI}{field}", "") for page in pages)
        assert [value for value, count in values.items() if count > 1] == []
    for text in export.iter(f"{WIKI}text"):
        assert int(text.attrib["bytes"]) == len((text.text or "").encode())


def test_pages_redirects_and_off_topic_pages_are_as_many_as_the_readme_says(
    folder: Path, texts: dict[str, str], redirects: dict[str, str], labels: dict[str, str]
) -> None:
    disambiguation = {title for title, text in texts.items() if "{{disambiguation}}" in text}
    counts = Counter(labels.values())
    assert set(texts) == set(labels) | disambiguation
    readme = (folder / "README.md").read_text(encoding="utf-8")
    said = f"{counts['1']} short pages on stroke, {counts['0']} off-topic pages that they link to"
    assert f"{said}, {len(disambiguation)} disambiguation pages, {len(redirects)} redirects" in readme
    assert counts["1"] >= 80
    assert counts["0"] >= 40


def test_starting_terms_of_the_stroke_topic_are_pages(near: set[str]) -> None:
    assert set(load_topic("stroke").starting_terms) <= near


def test_every_redirect_leads_to_a_page(texts: dict[str, str], redirects: dict[str, str]) -> None:
    assert {name for name in redirects if follow(name, redirects) not in texts} == set()


def test_every_page_on_stroke_is_within_reach_of_the_starting_terms(near: set[str], links: dict[str, set[str]]) -> None:
    topic = load_topic("stroke")
    reached = set(topic.starting_terms)
    for _ in range(topic.path_length):
        reached |= {target for title in reached for target in links[title]} & near
    assert near - reached == set()


def test_off_topic_pages_are_linked_from_stroke_pages_and_do_not_link_back(
    labels: dict[str, str], near: set[str], links: dict[str, set[str]]
) -> None:
    off = set(labels) - near
    linked = set().union(*(links[title] for title in near))
    assert off - linked == set()
    assert {title for title in off if links[title] & near} == set()


def test_pages_on_stroke_name_their_subject_and_have_sections_links_and_categories(
    texts: dict[str, str], near: set[str], links: dict[str, set[str]]
) -> None:
    for title in near:
        text = texts[title]
        assert "'''" in text, title
        assert len(re.findall(r"(?m)^== .+ ==$", text)) >= 2, title
        assert len(links[title]) >= 6, title
        assert "[[Category:" in text, title
        assert text.count("[[") == text.count("]]"), title
        assert text.count("{{") == text.count("}}"), title


def test_identifiers_have_the_shape_of_their_systems(texts: dict[str, str]) -> None:
    for title, text in texts.items():
        for code in re.findall(r"\{\{ICD10\|(.*?)\}\}", text):
            assert re.fullmatch(r"[A-Z]\d\d(\.\d)?", code), (title, code)
        for code in re.findall(r"MeshID = (.*)", text):
            assert re.fullmatch(r"D\d{6}|D\d{9}", code), (title, code)


def test_articles_have_every_field_and_say_that_they_are_a_demonstration(articles: list[dict[str, object]]) -> None:
    for article in articles:
        assert tuple(article) == FIELDS, article["id"]
        assert article["source"] == LABEL
        assert (article["language"], article["licence"], article["date"]) == ("en", "CC0-1.0", WRITTEN.isoformat())
    assert len({article["id"] for article in articles}) == len(articles)
    assert Counter(str(article["audience"]) for article in articles) == {"patient": 36, "clinician": 2}


def test_articles_cover_every_kind_and_stage(articles: list[dict[str, object]]) -> None:
    assert {article["kind"] for article in articles} == KINDS
    assert {stage for article in articles for _, stage in strings(article["stage"])} == STAGES
    assert all(article["stage"] for article in articles)


def test_subjects_of_articles_are_pages_on_stroke(articles: list[dict[str, object]], near: set[str]) -> None:
    for article in articles:
        subjects = {subject for _, subject in strings(article["subjects"])}
        assert subjects, article["id"]
        assert subjects <= near, article["id"]


def test_articles_for_patients_are_short_and_say_when_to_call_for_help(articles: list[dict[str, object]]) -> None:
    for article in articles:
        text = str(article["text"])
        assert 150 <= len(text.split()) <= 300, article["id"]
        if article["audience"] == "patient":
            assert HELP.search(text), article["id"]


def test_trial_table_has_its_header_and_eight_patients_of_whom_one_died(folder: Path) -> None:
    rows = table(folder / "patients" / "north.ist.csv")
    assert len(rows) == 8
    assert len(rows[0]) == 112
    assert list(rows[0])[:4] == ["HOSPNUM", "RDELAY", "RCONSC", "SEX"]
    assert {row["COUNTRY"] for row in rows} == {"DEMO"}
    assert [row["DDEAD"] for row in rows].count("Y") == 1
    for row in rows:
        assert re.fullmatch(r"(sty|lut|mar|kwi|maj|cze|lip|sie|wrz|pa\?|lis|gru)-2[0-6]", row["RDATE"])
        assert 18 <= int(row["AGE"]) <= 100
        assert {row[f"RDEF{number}"] for number in range(1, 9)} <= {"Y", "N", "C"}


def test_synthea_rows_belong_to_its_eight_patients_and_one_date_is_impossible(folder: Path) -> None:
    river = folder / "patients" / "river"
    patients = table(river / "patients.csv")
    ids = {row["Id"] for row in patients}
    assert len(ids) == len(patients) == 8
    assert {f"{row['FIRST']} {row['LAST']}" for row in patients} == {f"Demo Patient {n}" for n in range(9, 17)}
    encounters = {row["Id"] for row in table(river / "encounters.csv")} | {""}
    days = []
    for name in ("encounters", "conditions", "medications", "observations", "procedures"):
        for row in table(river / f"{name}.csv"):
            assert row["PATIENT"] in ids
            assert row.get("ENCOUNTER", "") in encounters
            assert row["CODE"]
            assert row["DESCRIPTION"]
            days += [row[column][:10] for column in ("START", "DATE", "STOP") if row.get(column)]
    assert days.count(IMPOSSIBLE_DAY) == 1
    days.remove(IMPOSSIBLE_DAY)
    assert min(map(date.fromisoformat, days)) > date(2000, 1, 1)
    assert max(map(date.fromisoformat, days)) < WRITTEN


def test_the_readme_marks_the_line_of_the_impossible_date(folder: Path) -> None:
    lines = (folder / "patients" / "river" / "observations.csv").read_text(encoding="ascii").splitlines()
    (number,) = [number for number, line in enumerate(lines, start=1) if IMPOSSIBLE_DAY in line]
    assert f"`patients/river/observations.csv`, line {number}," in (folder / "README.md").read_text(encoding="utf-8")


def test_fhir_resources_are_tagged_as_test_data_and_refer_to_what_is_there(
    resources: dict[str, list[dict[str, object]]],
) -> None:
    assert set(resources) == {"Patient", "Condition", "Observation", "MedicationRequest", "Encounter", "Procedure"}
    assert len(resources["Patient"]) == 8
    known = {f"{kind}/{resource['id']}" for kind, found in resources.items() for resource in found}
    assert len(known) == sum(map(len, resources.values()))
    for kind, found in resources.items():
        for resource in found:
            texts = set(strings(resource))
            assert resource["resourceType"] == kind
            assert {("code", "HTEST"), ("code", "demonstration")} <= texts
            assert {value for key, value in texts if key == "reference"} <= known


def test_fhir_dates_are_possible_and_not_after_the_demonstration_was_written(
    resources: dict[str, list[dict[str, object]]],
) -> None:
    dated = {"birthDate", "onsetDateTime", "authoredOn", "performedDateTime", "effectiveDateTime", "start", "end"}
    for found in resources.values():
        for key, value in strings(found):
            if key in dated:
                year, month, day = (*value[:10].split("-"), "1", "1")[:3]
                assert date(1920, 1, 1) < date(int(year), int(month), int(day)) < WRITTEN


def test_the_institutions_together_show_each_kind_of_history(
    folder: Path, resources: dict[str, list[dict[str, object]]]
) -> None:
    codes: dict[str, set[str]] = {}
    for row in table(folder / "patients" / "river" / "conditions.csv"):
        codes.setdefault(f"river-{row['PATIENT']}", set()).add(row["CODE"])
    for condition in resources["Condition"]:
        (patient,) = {value for key, value in strings(condition["subject"]) if key == "reference"}
        codes.setdefault(patient.replace("Patient/", "lake-"), set()).update(
            value for key, value in strings(condition["code"]) if key == "code"
        )
    assert codes["river-000001"] >= {"422504002", "87486003", "49436004"}, "trouble with words and atrial fibrillation"
    assert codes["river-000005"] == {"59621000", "49436004"}, "at risk, no stroke"
    assert codes["lake-000002"] >= {"I63.9", "R13.10"}, "trouble with swallowing"
    assert codes["lake-000004"] >= {"H53.462", "R41.4"}, "vision and neglect"
    assert codes["lake-000005"] >= {"I61.0", "I48.91"}, "bleeding and atrial fibrillation"


def test_samples_name_patients_of_the_demonstration_and_possible_days(folder: Path) -> None:
    samples = json.loads((folder / "searches.json").read_text(encoding="utf-8"))
    known = {f"{institution}-{n:06d}" for institution in ("north", "river", "lake") for n in range(1, 9)}
    assert len(samples["searches"]) >= 6
    assert {search["audience"] for search in samples["searches"]} == {"clinician", "patient"}
    assert {sample["patient"].split("-")[0] for sample in samples["patients"]} == {"north", "river", "lake"}
    for sample in samples["patients"]:
        assert sample["patient"] in known
        assert date(2026, 1, 1) < date.fromisoformat(sample["as_of"]) < date(2026, 12, 1)


def test_the_readme_describes_every_patient(folder: Path) -> None:
    rows = re.findall(r"(?m)^\| ((?:north|river|lake)-\d{6}) \|", (folder / "README.md").read_text(encoding="utf-8"))
    assert rows == [f"{institution}-{n:06d}" for institution in ("north", "river", "lake") for n in range(1, 9)]
