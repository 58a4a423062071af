from __future__ import annotations

from pathlib import Path

import pytest

from search.library import Library, import_articles
from strokemap.errors import ArticlesMalformed

FRONT = """---
id: talk
title: Talking again
kind: do
stage: [early, late]
subjects: Aphasia; Speech therapy
review_by: 2027-03
date: 2026-11-01
reading_grade: 4.5
made: by hand
---
"""
BODY = """# Talking again

Take *your* time, and [look](https://example.org) at **me**.

- one word
- then `two`

![a hand](hand.png)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one good file, below another."""
    path = tmp_path / "articles" / "speech"
    path.mkdir(parents=True)
    (path / "talk.md").write_text(FRONT + BODY)
    return tmp_path / "articles"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """A new, empty library."""
    return Library.open(tmp_path / "library")


def test_front_matter_gives_the_fields_and_markup_is_taken_off(folder: Path, library: Library):
    report = import_articles(folder, library=library)
    assert (report.imported, report.refused) == (1, ())
    article = library.get("lib:talk")
    assert (article.title, article.kind, article.stage) == ("Talking again", "do", ("early", "late"))
    assert (article.subjects, article.date, article.review_by) == (
        ("Aphasia", "Speech therapy"),
        "2026-11-01",
        "2027-03",
    )
    assert article.reading_grade == 4.5
    assert article.text == "Talking again\nTake your time, and look at me.\none word\nthen two\na hand"
    assert import_articles(folder, library=library).unchanged == 1


def test_a_file_without_front_matter_has_its_path_for_an_id_and_its_heading_for_a_title(folder: Path, library: Library):
    (folder / "speech" / "plain.markdown").write_bytes(b"\xef\xbb\xbf# Plain\r\n\r\nOne line\r\ngoes on.\r\n")
    import_articles(folder, library=library)
    article = library.get("lib:speech/plain")
    assert (article.title, article.text) == ("Plain", "One line goes on.")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"", "title is empty"),
        (b"---\nid: [\n---\n# T\n\ntext", "not YAML"),
        (b"---\n- a\n---\n# T\n\ntext", "no list of fields"),
        (b"---\nkind: rumour\n---\n# T\n\ntext", "kind is none of"),
        (b"---\nreview_by: soon\n---\n# T\n\ntext", "review_by is no date"),
        (b"---\nreading_grade: easy\n---\n# T\n\ntext", "reading_grade"),
        (b"---\nreading_grade: .nan\n---\n# T\n\ntext", "reading_grade"),
        (b"---\nid: talk\n---\n# T\n\ntext", "stands in"),
        (b"---\nid: !!python/object/apply:os.system [true]\n---\n# T\n\ntext", "id is no text"),
        (b"---\n" + b"a: &a [x]\n" + b"[" * 5000 + b"\n---\n# T\n\ntext", "not YAML"),
        (b"# only a title", "text is empty"),
    ],
)
def test_what_is_no_article_is_refused_by_name_and_the_rest_is_taken(
    content: bytes, reason: str, folder: Path, library: Library
):
    (folder / "zz.md").write_bytes(content)
    report = import_articles(folder, library=library)
    assert report.imported == 1
    assert [(refused.file, reason in refused.reason) for refused in report.refused] == [("zz.md", True)], report.refused


def test_a_folder_of_bad_files_is_an_error_and_names_the_first(tmp_path: Path, library: Library):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.md").write_text("")
    with pytest.raises(ArticlesMalformed) as caught:
        import_articles(tmp_path / "bad", library=library)
    assert str(caught.value.where).endswith("bad/a.md")
