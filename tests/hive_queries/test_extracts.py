"""Extracts: files, folders, packing, damage."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from hive_queries.extracts import Extract, open_extract
from strokemap.errors import BatchMalformed, InputMissing


def opened(path: Path) -> Extract:
    return open_extract(path, suffix=".csv", folder=True, file=True)


def test_digest_is_of_the_content_however_it_is_packed_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"x,y\n1,2\n"))
    (tmp_path / "c.csv").write_text("x,y\n1,3\n")
    plain, packed, other = (
        opened(tmp_path / name).digest(format_name="ist") for name in ("a.csv", "b.csv.gz", "c.csv")
    )
    assert plain == packed
    assert plain != other
    assert plain != opened(tmp_path / "a.csv").digest(format_name="synthea")


def test_rows_carry_the_line_on_which_they_start(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfx,y\n\n1,"two\nlines"\n3,4\n')
    assert list(opened(path).files[0].rows()) == [(1, ["x", "y"]), (3, ["1", "two\nlines"]), (5, ["3", "4"])]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (gzip.compress(b"x,y\n" + bytes(range(32, 127)) * 99, mtime=0)[:-20], "a.csv:"),
        (b"\x1f\x8bnot gzip at all", "a.csv:1"),
        (b"x,y\n1,\xff\n", "a.csv:2"),
        (b'x,y\n1,"open\n2,3\n', "a.csv:2"),
    ],
)
def test_damaged_file_is_refused_with_its_place(tmp_path: Path, content: bytes, where: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(BatchMalformed) as refusal:
        list(opened(path).files[0].rows())
    assert refusal.value.where is not None
    assert refusal.value.where.startswith(where)


def test_missing_and_misplaced_files_and_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(InputMissing):
        opened(tmp_path / "none.csv")
    with pytest.raises(InputMissing):
        open_extract(tmp_path, suffix=".csv", folder=False, file=True)
    with pytest.raises(InputMissing):
        open_extract(tmp_path / "a.csv", suffix=".csv", folder=True, file=False)
    with pytest.raises(BatchMalformed):
        open_extract(tmp_path, suffix=".ndjson", folder=True, file=True)


def test_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n")
    extract = opened(path)
    extract.check_unchanged()
    path.write_text("x\n1\n2\n")
    with pytest.raises(BatchMalformed):
        extract.check_unchanged()
