"""The text index: articles under their words. The only file that knows tantivy; what it takes and gives is plain data.

A folder, named by the digest of what it was made from, is written whole, renamed into place, and never changed:

    manifest.json   format and number of articles
    base/           tantivy's files
    articles.db     the articles themselves, for results and snippets

An edit of the library makes a new index; ``edits/`` is the place for a second, smaller one, merged at query. tantivy's
BM25 has k1 = 1.2 and b = 0.75 and can't be told otherwise.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

import tantivy
from rapidfuzz.distance import OSA
from tantivy import Filter, Occur

from kg_builder.projection import Projection
from search.article import Article, format_article, parse_article
from search.library import Library, unknown_article
from search.pages import page_articles
from strokemap.errors import HomeUnwritable, IndexMissing
from strokemap.home import Home, replace_file
from strokemap.progress import Progress
from strokemap.text import fold, word_spans

FORMAT = "strokemap-index-2"
ALL = "all"
"""Title, section, other names and text together: the field by which articles are mainly ranked."""
FIELDS = (ALL, "title", "section", "names", "subjects")
EXACT = ("source", "kind", "stage", "role")
"""Fields that are compared as they are."""
WORDS = "words"
"""Everything as in ALL, but unstemmed: which words there are, and which are like one that there is not."""
STOP_WORDS = frozenset(
    str.split(
        "a an and are as at be but by for if in into is it no not of on or such that the their then there these they "
        "this to was will with"
    )
)
_TOKENIZER = "strokemap"
_UNSTEMMED = "strokemap_words"
# The same words as strokemap.text.word_spans finds.
_WORD = r"[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)?"
_HEAP_BYTES = 256_000_000
_REPORT_EVERY = 500
_MOST_READ = 30
"""Articles read for words that are like another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One word, or several as a phrase, in one field. A phrase's stems carry their places, as small words have gaps.

    In a field of EXACT the one stem is the whole value, in WORDS the folded word.
    """

    field: str
    stems: tuple[tuple[int, str], ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to look for: an article scores the sum over ``groups`` of the best clause in each. One must match.

    The other two only let in or keep out.
    """

    groups: tuple[tuple[Clause, ...], ...]
    required: tuple[Clause, ...] = ()
    forbidden: tuple[Clause, ...] = ()


class TextIndex:
    """One immutable index, open for reading by any number of threads."""

    def __init__(self, folder: Path, *, articles: int) -> None:
        self.folder = folder
        self.digest = folder.name
        self._articles = articles
        self._schema = _schema()
        index = _open(self._schema, folder)
        index.reload()
        self._searcher = index.searcher()

    @classmethod
    def open(cls, folder: Path) -> TextIndex:
        """Open an index. Errors: IndexMissing where it is not there, damaged, or of another format."""
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            if manifest["format"] != FORMAT:
                raise ValueError
            return cls(folder, articles=int(manifest["articles"]))
        except (OSError, ValueError, KeyError, TypeError):
            raise _damaged(folder) from None

    def __len__(self) -> int:
        return self._articles

    def article(self, id: str) -> Article:
        """Give one article. Errors: ArticleUnknown."""
        found = self.articles_by_id([id])
        if id not in found:
            raise unknown_article(id)
        return found[id]

    def articles_by_id(self, ids: Sequence[str]) -> dict[str, Article]:
        """Give those of the articles that are here."""
        address = f"{(self.folder / 'articles.db').absolute().as_uri()}?immutable=1"
        statement = "SELECT content FROM articles WHERE id = ?"
        try:
            with closing(sqlite3.connect(address, uri=True)) as database:
                rows = [database.execute(statement, [id]).fetchone() for id in ids]
        except sqlite3.Error:
            raise _damaged(self.folder) from None
        return {article.id: article for row in rows if row for article in [parse_article(row[0])]}

    def stems(self, text: str) -> tuple[tuple[int, str], ...]:
        """Give the stems under which the words of ``text`` are found, with their places; none for small words."""
        spans = word_spans(text)
        return tuple((place, stem) for place, (start, end) in enumerate(spans) for stem in _stem(text[start:end]))

    def find(self, request: Request, *, limit: int) -> tuple[str, ...]:
        """Give the ids of the best articles, best first; equal ones in order of id."""
        return tuple(id for id, _ in self.best(request, limit=limit))

    def best(self, request: Request, *, limit: int) -> tuple[tuple[str, float], ...]:
        """Give the ids and scores of the best articles, best first; equal ones in order of id."""
        groups = [query for group in request.groups if (query := self._best_of(group)) is not None]
        if not groups:
            return ()
        clauses = [(Occur.Must, _boolean([(Occur.Should, query) for query in groups]))]
        clauses += [(Occur.Must, _silent(self._query(clause))) for clause in request.required]
        clauses += [(Occur.MustNot, self._query(clause)) for clause in request.forbidden]
        return tuple(self._search(_boolean(clauses), limit=limit))

    def knows(self, word: str) -> int:
        """Give the number of articles in which a folded word stands as it is."""
        return int(self._searcher.doc_freq(WORDS, word))

    def holds(self, stem: str) -> int:
        """Give the number of articles in which a stem stands."""
        return int(self._searcher.doc_freq(ALL, stem))

    def words_like(self, word: str, *, edits: int) -> frozenset[str]:
        """Give folded words at most ``edits`` letters from a folded one; not all, where many articles have some."""
        query = tantivy.Query.fuzzy_term_query(self._schema, WORDS, word, distance=edits)
        ids = [id for id, _ in self._search(query, limit=_MOST_READ)]
        read: set[str] = set()
        for article in self.articles_by_id(ids).values():
            text = " ".join([article.title, article.section, *_names(article), article.text])
            read.update(text[start:end] for start, end in word_spans(text))
        found = {fold(other) for other in read if abs(len(other) - len(word)) <= edits}
        return frozenset(other for other in found if OSA.distance(word, other, score_cutoff=edits) <= edits)

    def score(self, clause: Clause, *, ids: Sequence[str]) -> dict[str, float]:
        """Give the score of one clause for each of the articles in which it matches."""
        if not self._matches(clause):
            return {}
        # One query a name: tantivy's term set walks the whole dictionary and takes ten times as long.
        among = _boolean([(Occur.Should, self._term("id", id)) for id in ids])
        query = _boolean([(Occur.Must, self._query(clause)), (Occur.Must, _silent(among))])
        return dict(self._search(query, limit=len(ids)))

    def _search(self, query: tantivy.Query, *, limit: int) -> list[tuple[str, float]]:
        try:
            hits = self._searcher.search(query, limit=limit, count=False).hits
            return [(self._searcher.doc(address)["id"][0], score) for score, address in hits]
        except ValueError:
            # The queries are built here, so that only the files can be at fault.
            raise _damaged(self.folder) from None

    def _matches(self, clause: Clause) -> bool:
        return all(self._searcher.doc_freq(clause.field, stem) for _, stem in clause.stems)

    def _best_of(self, group: Sequence[Clause]) -> tantivy.Query | None:
        queries = [self._query(clause) for clause in group if self._matches(clause)]
        if len(queries) > 1:
            return tantivy.Query.disjunction_max_query(queries)
        return queries[0] if queries else None

    def _query(self, clause: Clause) -> tantivy.Query:
        if len(clause.stems) == 1:
            query = self._term(clause.field, clause.stems[0][1])
        else:
            query = tantivy.Query.phrase_query(self._schema, clause.field, list(clause.stems))
        return tantivy.Query.boost_query(query, clause.weight)

    def _term(self, field: str, value: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, field, value)


def build_index(*, articles: Iterable[Article], projection: Projection, folder: Path, progress: Progress) -> TextIndex:
    """Index articles and the pages of the map, a section an article, and open the index.

    ``folder`` is ``home.index / index_digest(…)``; an index that is there already is opened as it is.
    """
    try:
        return TextIndex.open(folder)
    except IndexMissing:
        return write_index(chain(articles, page_articles(projection)), folder=folder, progress=progress)


def write_index(articles: Iterable[Article], *, folder: Path, progress: Progress) -> TextIndex:
    """Index just these articles. Written beside ``folder`` and renamed into place; what was there is replaced."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        (beside / "base").mkdir(parents=True)
        count = _write(articles, folder=beside, progress=progress)
        replace_file(beside / "manifest.json", json.dumps({"format": FORMAT, "articles": count}))
        if folder.exists():
            # A rename over a folder with files in it is refused.
            folder.rename(beside / "replaced")
        beside.rename(folder)
        shutil.rmtree(folder / "replaced", ignore_errors=True)
    except OSError as error:
        raise HomeUnwritable(
            f"The text index can't be written: {error.strerror or 'unknown reason'}.",
            hint="Check the disk and the folder's permissions.",
            where=str(folder),
        ) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return TextIndex.open(folder)


def index_digest(projection: Projection, library: Library) -> str:
    """Name the index of a map and a library: equal contents, equal name."""
    return hashlib.sha256("\n".join([FORMAT, projection.digest, library.digest]).encode()).hexdigest()


def published_index(home: Home) -> TextIndex:
    """Open the index that the home's pointer names. Errors: IndexMissing."""
    digest = home.current("index")
    if digest is None:
        raise IndexMissing("There is no text index in this home yet.", hint="Run: strokemap index")
    return TextIndex.open(home.index / digest)


def _damaged(folder: Path) -> IndexMissing:
    return IndexMissing(
        "The text index is not there, is damaged, or was made by another version.",
        hint="Run: strokemap index",
        where=str(folder),
    )


def _write(articles: Iterable[Article], *, folder: Path, progress: Progress) -> int:
    index = _open(_schema(), folder)
    with closing(sqlite3.connect(folder / "articles.db")) as database, database:
        database.execute("CREATE TABLE articles (id TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID")
        for count, article in enumerate(articles, start=1):
            row = [article.id, format_article(article)]
            database.execute("INSERT OR REPLACE INTO articles VALUES (?, ?)", row)
            if count % _REPORT_EVERY == 0:
                progress("reading articles", count, None)
        total = int(database.execute("SELECT count(*) FROM articles").fetchone()[0])
        # One thread and the order of ids: equal scores then come out in order of id.
        writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
        for count, (content,) in enumerate(database.execute("SELECT content FROM articles ORDER BY id"), start=1):
            writer.add_document(_document(parse_article(content)))
            if count % _REPORT_EVERY == 0 or count == total:
                progress("indexing articles", count, total)
    writer.commit()
    writer.wait_merging_threads()
    return total


def _open(schema: tantivy.Schema, folder: Path) -> tantivy.Index:
    index = tantivy.Index(schema, path=str(folder / "base"))
    index.register_tokenizer(_TOKENIZER, _analyzer())
    index.register_tokenizer(_UNSTEMMED, _unstemmed().build())
    return index


def _document(article: Article) -> tantivy.Document:
    names = _names(article)
    everything = [article.title, article.section, *names, article.text]
    values: Mapping[str, str | list[str]] = {
        "id": article.id,
        ALL: everything,
        WORDS: everything,
        "title": article.title,
        "section": article.section,
        "names": names,
        "subjects": list(article.subjects),
        "source": article.source,
        "kind": article.kind,
        "stage": list(article.stage),
        "role": article.role,
    }
    return tantivy.Document(**{field: value for field, value in values.items() if value})


def _names(article: Article) -> list[str]:
    return [name for name in (article.focus, *article.synonyms) if name]


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
    for field in FIELDS:
        builder.add_text_field(field, tokenizer_name=_TOKENIZER, index_option="position")
    builder.add_text_field(WORDS, tokenizer_name=_UNSTEMMED, index_option="basic")
    for field in EXACT:
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic")
    return builder.build()


@lru_cache(maxsize=1)
def _analyzer() -> tantivy.TextAnalyzer:
    stop = Filter.custom_stopword(sorted(STOP_WORDS))
    return _unstemmed().filter(stop).filter(Filter.stemmer("english")).build()


def _unstemmed() -> tantivy.TextAnalyzerBuilder:
    words_only = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_WORD))
    return words_only.filter(Filter.lowercase()).filter(Filter.ascii_fold())


@lru_cache(maxsize=65536)
def _stem(word: str) -> tuple[str, ...]:
    return tuple(_analyzer().analyze(word))


def _boolean(clauses: Sequence[tuple[Occur, tantivy.Query]]) -> tantivy.Query:
    return tantivy.Query.boolean_query(list(clauses))


def _silent(query: tantivy.Query) -> tantivy.Query:
    return tantivy.Query.const_score_query(query, 0.0)
