"""Lines of JSONL, plain or gzipped, and the article that one line is."""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from search.article import KINDS, LIBRARY, STAGES, Article
from search.query import AUDIENCES
from search.reading import reading_grade
from strokemap.errors import InputMissing, SearchError

_HALVES = re.compile("[\ud800-\udfff]")
LONGEST_LINE = 4_000_000
"""Bytes; a longer line is refused unread, so that a file without line ends can't fill the memory."""

_KINDS: Mapping[str, str] = {kind: kind for kind in ("", *KINDS)} | {
    # The question kinds of MedQuAD, whose articles each answer one question.
    "information": "understand",
    "symptoms": "understand",
    "causes": "understand",
    "outlook": "understand",
    "frequency": "understand",
    "complications": "understand",
    "susceptibility": "understand",
    "research": "understand",
    "exams and tests": "understand",
    "considerations": "do",
    "treatment": "care",
    "prevention": "prevent",
    "support groups": "after-care",
}


class NoArticle(ValueError):
    """A line is no article; the message is the reason."""


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
                    raise malformed(
                        f"A line is longer than {LONGEST_LINE:,} bytes.",
                        hint="Give JSONL: one object a line.",
                        where=f"{path}:{number}",
                    )
                if line.strip():
                    yield number, line
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise malformed(
            "The gzipped file is damaged or cut off.", hint="Get it again.", where=f"{path}:{number + 1}"
        ) from None
    except OSError as error:
        raise InputMissing(
            f"The file can't be read: {error.strerror or 'unknown reason'}.", hint="Check the path.", where=str(path)
        ) from None


def read_article(line: bytes) -> Article:
    """Read one line; the reading grade is counted where the line has none. Raises NoArticle."""
    try:
        fields = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise NoArticle("it is not UTF-8") from None
    except (ValueError, RecursionError):
        raise NoArticle("it is not JSON") from None
    if not isinstance(fields, dict):
        raise NoArticle("it is not a JSON object")
    id, title, text = (_text(fields, name, required=True) for name in ("id", "title", "text"))
    kind, audience, stages = _text(fields, "kind"), _text(fields, "audience"), _texts(fields, "stage")
    if kind not in _KINDS:
        raise NoArticle(f"its kind is none of {', '.join(KINDS)}")
    if audience not in ("", *AUDIENCES):
        raise NoArticle(f"its audience is none of {', '.join(AUDIENCES)}")
    if any(stage not in STAGES for stage in stages):
        raise NoArticle(f"its stage is none of {', '.join(STAGES)}")
    return Article(
        id=LIBRARY + id.removeprefix(LIBRARY),
        title=title,
        text=text,
        url=_text(fields, "url"),
        source=_text(fields, "source"),
        kind=_KINDS[kind],
        audience=audience,
        stage=stages,
        subjects=_texts(fields, "subjects"),
        synonyms=_texts(fields, "synonyms"),
        focus=_text(fields, "focus"),
        language=_text(fields, "language"),
        date=_text(fields, "date"),
        licence=_text(fields, "licence"),
        reading_grade=_number(fields, "reading_grade", instead=reading_grade(text)),
    )


def _text(fields: Mapping[str, object], name: str, *, required: bool = False) -> str:
    value = fields.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise NoArticle(f"its {name} is {'missing' if value is None else 'no text' if value != '' else 'empty'}")
    return _clean(value, name)


def _texts(fields: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise NoArticle(f"its {name} is no list of texts")
    return tuple(_clean(item, name) for item in value if item.strip())


def _number(fields: Mapping[str, object], name: str, *, instead: float | None) -> float | None:
    value = fields.get(name)
    if value is None:
        return instead
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 30:
        raise NoArticle(f"its {name} is no number from 0 to 30")
    return float(value)


def _clean(value: str, name: str) -> str:
    if _HALVES.search(value):
        raise NoArticle(f"its {name} has half a character")
    return whole_characters(value)


def whole_characters(text: str) -> str:
    """Give ``text`` in its composed form, with a replacement for each half of a surrogate pair.

    JSON can hold such halves; no file and no index can.
    """
    return unicodedata.normalize("NFC", _HALVES.sub("\ufffd", text))
