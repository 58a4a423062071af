"""Collections of documents, queries and judgements in the shape of BEIR, read and indexed for measuring."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from kg_builder.projection import Projection
from search.article import LIBRARY, Article
from search.index import TextIndex
from search.index_files import write_index
from search.lines import BadLine, json_lines, read_object, read_text, read_texts
from search.pages import page_articles
from search.query import MOST_CHARACTERS
from search.reading import reading_grade
from strokemap.errors import BenchMalformed
from strokemap.progress import Progress

Judgements = dict[str, dict[str, int]]
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A collection, ready to be searched. The queries are those judged, in order of id."""

    queries: Mapping[str, str]
    judgements: Judgements
    index: TextIndex
    """The collection's documents, and nothing else."""
    pages: TextIndex
    """The first sections of the map's pages; empty without a map."""


@contextmanager
def open_bench(
    corpus: Path, queries: Path, qrels: Path, *, projection: Projection | None, work: Path, progress: Progress
) -> Iterator[Bench]:
    """Index a collection in ``work`` while this is open. Errors: InputMissing, BenchMalformed with file and line."""
    judgements = read_judgements(qrels)
    asked = {id: text for id, text in sorted(_read(queries, _query)) if id in judgements}
    if not asked:
        raise BenchMalformed("No query has a judgement.", hint="Do the files belong together?", where=str(queries))
    work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="evaluation-", dir=work) as folder:
        index = write_index(_read(corpus, _article), folder=Path(folder) / "index", progress=progress)
        if not len(index):
            raise BenchMalformed(
                "The corpus has no document.", hint="Give JSONL, a document a line.", where=str(corpus)
            )
        leads = () if projection is None else (page for page in page_articles(projection) if page.role == "lead")
        yield Bench(
            queries=asked,
            judgements={id: judgements[id] for id in asked},
            index=index,
            pages=write_index(leads, folder=Path(folder) / "pages", progress=progress),
        )


def read_judgements(path: Path) -> Judgements:
    """Read judgements: query, document and score, parted by tabs, or the four columns of TREC; a header is optional."""
    judgements: Judgements = {}
    for number, line in json_lines(path, malformed=BenchMalformed):
        try:
            cells = line.decode("utf-8").split()
        except UnicodeDecodeError:
            raise _malformed(path, number, "it is not UTF-8") from None
        if len(cells) not in (3, 4):
            raise _malformed(path, number, "it has not three columns: query, document, score")
        try:
            score = int(cells[-1])
        except ValueError:
            if number == 1:
                continue
            raise _malformed(path, number, "its score is no whole number") from None
        judgements.setdefault(cells[0], {})[cells[-2]] = score
    if not judgements:
        raise BenchMalformed("The file has no judgement.", hint="Give query, document and score.", where=str(path))
    return judgements


def _read(path: Path, make: Callable[[Mapping[str, object]], _Made]) -> Iterator[_Made]:
    for number, line in json_lines(path, malformed=BenchMalformed):
        try:
            yield make(read_object(line))
        except BadLine as reason:
            raise _malformed(path, number, str(reason)) from None


def _article(fields: Mapping[str, object]) -> Article:
    text = read_text(fields, "text")
    return Article(
        id=LIBRARY + _id(fields),
        title=read_text(fields, "title"),
        text=text,
        reading_grade=reading_grade(text),
        synonyms=read_texts(fields, "synonyms"),
        focus=read_text(fields, "focus"),
        subjects=read_texts(fields, "subjects"),
    )


def _query(fields: Mapping[str, object]) -> tuple[str, str]:
    text = read_text(fields, "text", required=True)
    if len(text) > MOST_CHARACTERS:
        raise BadLine("its text is too long")
    return _id(fields), text


def _id(fields: Mapping[str, object]) -> str:
    value = fields.get("_id", fields.get("id"))
    if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
        raise BadLine("it has no _id and no id")
    return str(value)


def _malformed(path: Path, number: int, reason: str) -> BenchMalformed:
    return BenchMalformed(
        f"A line can't be read: {reason}.",
        hint="Give JSONL with _id and text, and judgements as query, document, score.",
        where=f"{path}:{number}",
    )
