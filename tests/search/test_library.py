from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from search.article import Article, is_overdue
from search.library import FORMAT, Library, import_articles
from search.lines import LONGEST_LINE
from strokemap.errors import (
    ArticlesMalformed,
    ArticleUnknown,
    CorrectionInvalid,
    FormatUnknown,
    HomeUnwritable,
    InputMissing,
)

Write = Callable[..., Path]

HEALTH = {"id": "NHLBI-1", "source": "NHLBI", "url": "https://example.org/1", "focus": "Stroke", "synonyms": ["CVA"],
          "umls": ["C0038454"], "semantic_types": ["T047"], "kind": "treatment", "title": "How to treat Stroke ?",
          "text": "A stroke needs help at once. " * 6}  # fmt: skip
OURS = {"id": "talk", "title": "Talking", "text": "Take your time.", "url": "", "source": "Strokemap demonstration",
        "kind": "do", "audience": "patient", "stage": ["early", "late"], "subjects": ["Aphasia"], "synonyms": [],
        "language": "en", "date": "2026-11-01", "licence": "CC0-1.0"}  # fmt: skip


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A new, empty library."""
    return Library.open(tmp_path / "library")


def test_articles_of_both_shapes_are_imported(library: Library, jsonl: Write):
    report = import_articles(jsonl(HEALTH, OURS), library=library)
    assert (report.imported, report.unchanged, report.refused) == (2, 0, ())
    treat, talk = library.get("lib:NHLBI-1"), library.get("lib:talk")
    assert (treat.kind, treat.focus, treat.synonyms, treat.audience) == ("care", "Stroke", ("CVA",), "")
    assert treat.reading_grade is not None
    assert talk == Article(
        id="lib:talk", title="Talking", text="Take your time.", source="Strokemap demonstration", kind="do",
        audience="patient", stage=("early", "late"), subjects=("Aphasia",), language="en", date="2026-11-01",
        licence="CC0-1.0", reading_grade=None,
    )  # fmt: skip


def test_the_same_file_again_changes_nothing(library: Library, jsonl: Write):
    path = jsonl(HEALTH, OURS)
    import_articles(path, library=library)
    before = library.digests()
    report = import_articles(path, library=library)
    assert (report.imported, report.unchanged) == (0, 2)
    assert library.digests() == before


def test_a_changed_article_replaces_the_old_one(library: Library, jsonl: Write):
    import_articles(jsonl(OURS), library=library)
    before = library.digests()
    report = import_articles(jsonl(OURS | {"title": "Talk"}, HEALTH), library=library)
    assert (report.imported, report.unchanged, len(library)) == (2, 0, 2)
    assert library.get("lib:talk").title == "Talk"
    assert library.digests() != before


def test_the_digest_does_not_depend_on_the_order_of_arrival(tmp_path: Path, jsonl: Write):
    digests = set()
    for name, lines in (("a", [HEALTH, OURS]), ("b", [OURS, HEALTH])):
        library = Library.open(tmp_path / name)
        import_articles(jsonl(*lines), library=library)
        digests.add(tuple(library.digests().items()))
        assert [article.id for article in library.articles()] == ["lib:NHLBI-1", "lib:talk"]
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"\xff\xfe{}", "it is not UTF-8"),
        ([1], "it is not a JSON object"),
        ({"title": "t", "text": "x"}, "its id is missing"),
        (OURS | {"id": ""}, "its id is empty"),
        (OURS | {"text": None}, "its text is missing"),
        (OURS | {"title": 3}, "its title is no text"),
        (OURS | {"kind": "rumour"}, "its kind is none of understand, do, prevent, care, after-care, caregiver"),
        (OURS | {"audience": "everyone"}, "its audience is none of clinician, patient"),
        (OURS | {"stage": ["tomorrow"]}, "its stage is none of at risk, acute, early, late, life after"),
        (OURS | {"subjects": "Aphasia"}, "its subjects is no list of texts"),
        (OURS | {"reading_grade": -3}, "its reading_grade is no number from 0 to 30"),
        (OURS | {"reading_grade": True}, "its reading_grade is no number from 0 to 30"),
        (b'{"id": "a", "title": "t", "text": "\\ud800"}', "its text has half a character"),
    ],
)
def test_a_bad_line_is_refused_with_its_number_and_reason(line: object, reason: str, library: Library, jsonl: Write):
    report = import_articles(jsonl(b"", HEALTH, line), library=library)
    assert report.imported == 1
    assert [(refused.line, refused.reason) for refused in report.refused] == [(3, reason)]


def test_an_id_that_stands_twice_is_refused_the_second_time(library: Library, jsonl: Write):
    report = import_articles(jsonl(OURS, HEALTH, OURS | {"title": "Other"}), library=library)
    assert [(refused.line, refused.reason) for refused in report.refused] == [(3, "the id stands in line 1 already")]
    assert library.get("lib:talk").title == "Talking"


@pytest.mark.parametrize("lines", [(), (b"\n\n",), (b"not json", b"\xff")])
def test_a_file_without_any_article_is_an_error(lines: tuple[bytes, ...], library: Library, jsonl: Write):
    with pytest.raises(ArticlesMalformed):
        import_articles(jsonl(*lines), library=library)
    assert len(library) == 0


def test_gzipped_files_are_read(library: Library, jsonl: Write, tmp_path: Path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(jsonl(OURS).read_bytes()))
    assert import_articles(path, library=library).imported == 1


def test_a_damaged_file_is_an_error_and_nothing_of_it_is_taken(library: Library, jsonl: Write, tmp_path: Path):
    whole = gzip.compress(b"\n".join([jsonl(OURS).read_bytes()] + [b"x" * 1000] * 500), compresslevel=0)
    for name, content in (("cut.jsonl.gz", whole[:-20_000]), ("plain.jsonl.gz", b"{}")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ArticlesMalformed) as caught:
            import_articles(path, library=library)
        assert str(path) in str(caught.value.where)
    assert len(library) == 0


def test_a_line_without_end_is_an_error(library: Library, jsonl: Write):
    with pytest.raises(ArticlesMalformed):
        import_articles(jsonl(b"[" + b" " * LONGEST_LINE), library=library)


def test_a_missing_file_and_an_empty_folder_are_errors(library: Library, tmp_path: Path):
    with pytest.raises(InputMissing):
        import_articles(tmp_path / "none.jsonl", library=library)
    (tmp_path / "none").mkdir()
    with pytest.raises(ArticlesMalformed):
        import_articles(tmp_path / "none", library=library)


def test_a_correction_holds_and_outlives_the_next_import(library: Library, jsonl: Write):
    import_articles(jsonl(OURS), library=library)
    before = library.digests()
    assert library.correct("lib:talk", "stage", "acute; early").stage == ("acute", "early")
    library.correct("lib:talk", "reading_grade", "4.5")
    assert library.digests() != before
    import_articles(jsonl(OURS | {"title": "Talk"}), library=library)
    (article,) = library.articles()
    assert (article.title, article.stage, article.reading_grade) == ("Talk", ("acute", "early"), 4.5)
    assert library.get("lib:talk") == article


@pytest.mark.parametrize(
    ("field", "value"),
    [("text", "x"), ("id", "x"), ("kind", "rumour"), ("audience", "all"), ("stage", "early;never"),
     ("reading_grade", "hard"), ("reading_grade", "nan"), ("reading_grade", "31"), ("title", " "), ("focus", "\ud800")],
)  # fmt: skip
def test_an_impossible_correction_is_refused(field: str, value: str, library: Library, jsonl: Write):
    import_articles(jsonl(OURS), library=library)
    before = library.digests()
    with pytest.raises(CorrectionInvalid):
        library.correct("lib:talk", field, value)
    assert library.digests() == before


@pytest.mark.parametrize(
    ("review_by", "overdue"),
    [("", False), ("2026", False), ("2025", True), ("2026-11", False), ("2026-10", True), ("2026-11-24", False),
     ("2026-11-23", True)],
)  # fmt: skip
def test_an_article_is_overdue_when_all_of_its_review_date_is_past(review_by: str, overdue: bool):
    article = Article(id="lib:a", title="t", text="x", review_by=review_by)
    assert is_overdue(article, today=date(2026, 11, 24)) is overdue


@pytest.mark.parametrize("value", ["soon", "2026-13", "26", "2026-11-32", "2026-11-24T10:00"])
def test_a_date_that_is_none_is_refused(value: str, library: Library, jsonl: Write):
    report = import_articles(jsonl(OURS, OURS | {"id": "b", "review_by": value}), library=library)
    assert (report.imported, [refused.line for refused in report.refused]) == (1, [2])


def test_an_unknown_article_is_an_error(library: Library):
    with pytest.raises(ArticleUnknown):
        library.get("lib:none")
    with pytest.raises(ArticleUnknown):
        library.correct("lib:none", "kind", "do")


def test_a_library_of_a_newer_version_is_refused(library: Library):
    with sqlite3.connect(library.folder / "library.db") as database:
        database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    database.close()
    with pytest.raises(FormatUnknown):
        Library.open(library.folder)


def test_what_is_no_library_is_refused(tmp_path: Path):
    (tmp_path / "library.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(HomeUnwritable):
        Library.open(tmp_path)


@pytest.mark.data
def test_all_health_articles_are_imported(library: Library, test_data: Path):
    report = import_articles(test_data / "articles" / "health-articles.jsonl.gz", library=library)
    assert (report.imported, report.refused) == (4859, ())
    graded = [article.reading_grade for article in library.articles() if article.reading_grade is not None]
    assert len(graded) > 4500
    assert 8 < sorted(graded)[len(graded) // 2] < 14
