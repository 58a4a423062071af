"""Lines of JSONL, plain or gzipped, and the article that one line is."""

from __future__ import annotations

import dataclasses
import gzip
import json
import math
import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from search.article import KINDS, LIBRARY, STAGES, Article
from search.query import AUDIENCES
from search.reading import reading_grade
from strokemap.errors import InputMissing, SearchError

_HALVES = re.compile("[\ud800-\udfff]")
_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?", re.ASCII)
LONGEST_LINE = 4_000_000
"""Bytes; a longer line is refused unread, so that a file without line ends can't fill the memory."""

# The question kinds of MedQuAD, whose articles each answer one question.
_KINDS_OF_QUESTIONS = {
    "considerations": "do",
    "treatment": "care",
    "prevention": "prevent",
    "support groups": "after-care",
} | dict.fromkeys(
    ["information", "symptoms", "causes", "outlook", "frequency", "complications", "susceptibility", "research",
     "exams and tests"], "understand",
)  # fmt: skip
_SEVERAL = frozenset(field.name for field in dataclasses.fields(Article) if isinstance(field.default, tuple))
CORRECTABLE = tuple(field.name for field in dataclasses.fields(Article) if field.name not in ("id", "text"))


class BadLine(ValueError):
    """A line can't be used; the message is the reason."""


def json_lines(path: Path, *, malformed: type[SearchError]) -> Iterator[tuple[int, bytes]]:
    """Give the lines of a plain or gzipped file that are not blank, with their numbers.

    Errors: InputMissing; ``malformed`` where the file is damaged or has a line without end.
    """
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            while line := lines.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    message, hint = f"A line is longer than {LONGEST_LINE:,} bytes.", "Give JSONL: one object a line."
                    raise malformed(message, hint=hint, where=f"{path}:{number}")
                if line.strip():
                    yield number, line
    except (gzip.BadGzipFile, EOFError, zlib.error):
        message, where = "The gzipped file is damaged or cut off.", f"{path}:{number + 1}"
        raise malformed(message, hint="Get it again.", where=where) from None
    except OSError as error:
        message = f"The file can't be read: {error.strerror or 'unknown reason'}."
        raise InputMissing(message, hint="Check the path.", where=str(path)) from None


def read_object(line: bytes) -> dict[str, object]:
    """Read one line as a JSON object. Raises BadLine."""
    try:
        fields = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadLine("it is not UTF-8") from None
    except (ValueError, RecursionError):
        raise BadLine("it is not JSON") from None
    if not isinstance(fields, dict):
        raise BadLine("it is not a JSON object")
    return fields


def make_article(fields: Mapping[str, object]) -> Article:
    """Make an article of what a line holds; the reading grade is counted where there is none. Raises BadLine."""
    id, title, text = (read_text(fields, name, required=True) for name in ("id", "title", "text"))
    kind, stages = read_text(fields, "kind"), read_texts(fields, "stage")
    return Article(
        id=LIBRARY + id.removeprefix(LIBRARY),
        title=title,
        text=text,
        url=read_text(fields, "url"),
        source=read_text(fields, "source"),
        kind=_one_of(KINDS, _KINDS_OF_QUESTIONS.get(kind, kind), "kind"),
        audience=_one_of(AUDIENCES, read_text(fields, "audience"), "audience"),
        stage=tuple(_one_of(STAGES, stage, "stage") for stage in stages),
        subjects=read_texts(fields, "subjects"),
        synonyms=read_texts(fields, "synonyms"),
        focus=read_text(fields, "focus"),
        language=read_text(fields, "language"),
        date=_date(fields, "date"),
        review_by=_date(fields, "review_by"),
        licence=read_text(fields, "licence"),
        reading_grade=_grade(fields.get("reading_grade"), text=text),
        terms=read_texts(fields, "terms"),
    )


def correct(article: Article, corrections: Mapping[str, str]) -> Article:
    """Give an article with some fields written anew; several values are parted by “;”. Raises BadLine."""
    return make_article(dataclasses.asdict(article) | read_written(corrections))


def read_written(values: Mapping[str, object]) -> dict[str, object]:
    """Give fields that a person wrote as text as a line has them: several values were parted by “;”."""
    read = dict(values)
    for name, value in values.items():
        if isinstance(value, str) and name in _SEVERAL:
            read[name] = value.split(";")
        elif isinstance(value, str) and name == "reading_grade":
            read[name] = _number(value)
    return read


def read_text(fields: Mapping[str, object], name: str, *, required: bool = False) -> str:
    """Give a field's text in its composed form, empty where it is missing and not required. Raises BadLine."""
    value = fields.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise BadLine(f"its {name} is {'missing' if value is None else 'no text' if value != '' else 'empty'}")
    return _composed(value, name)


def read_texts(fields: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Give a field's texts, none where it is missing. Raises BadLine."""
    value = fields.get(name) or ()
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise BadLine(f"its {name} is no list of texts")
    return tuple(_composed(item.strip(), name) for item in value if item.strip())


def _composed(value: str, name: str) -> str:
    # JSON can hold halves of surrogate pairs; no file and no index can.
    if _HALVES.search(value):
        raise BadLine(f"its {name} has half a character")
    return unicodedata.normalize("NFC", value)


def _one_of(allowed: Sequence[str], value: str, name: str) -> str:
    if value not in ("", *allowed):
        raise BadLine(f"its {name} is none of {', '.join(allowed)}")
    return value


def _date(fields: Mapping[str, object], name: str) -> str:
    value = read_text(fields, name)
    if value and not _DATE.fullmatch(value):
        raise BadLine(f"its {name} is no date like 2026, 2026-11 or 2026-11-24")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _grade(value: object, *, text: str) -> float | None:
    if value is None:
        return reading_grade(text)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 30:
        raise BadLine("its reading_grade is no number from 0 to 30")
    return float(value)
