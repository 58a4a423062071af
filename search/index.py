"""The text index: articles under their words. The only file that knows tantivy; what it takes and gives is plain data.

A folder, named by the digest of what it was made from, is never changed:

    base/           tantivy's files
    articles.db     the articles themselves (stored.py); edits.db before it, where articles were edited since

index_files.py makes these folders. tantivy's BM25 has k1 = 1.2 and b = 0.75 and can't be told otherwise.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import tantivy
from rapidfuzz.distance import OSA
from tantivy import Filter, Occur

from search.article import Article
from search.library import unknown_article
from search.stored import StoredArticles
from strokemap.errors import IndexMissing
from strokemap.text import word_spans, words

ALL = "all"
"""Title, section, other names and text together: the field by which articles are mainly ranked."""
FIELDS = (ALL, "title", "section", "names", "subjects")
EXACT = ("source", "kind", "stage", "role")
"""Fields that are compared as they are."""
EASE = "ease"
"""What ``Article.ease`` says, compared as it is."""
WORDS = "words"
"""Everything as in ALL, but unstemmed: which words there are, and which are like one that there is not."""
STOP_WORDS = frozenset(
    str.split(
        "a an and are as at be but by for if in into is it no not of on or such that the their then there these they "
        "this to was will with"
    )
)
BASE, ARTICLES, EDITS = "base", "articles.db", "edits.db"
_REPLACED = ("meta.json", ".managed.json")
"""The files that tantivy writes anew at each commit."""
_TOKENIZER = "strokemap"
_UNSTEMMED = "strokemap_words"
# The same words as strokemap.text.word_spans finds.
_WORD = r"[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)?"
_HEAP_BYTES = 256_000_000
_EDIT_HEAP_BYTES = 15_000_000
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

    ``required`` and ``forbidden`` only let in or keep out; each clause of ``preferred`` that matches adds its weight.
    """

    groups: tuple[tuple[Clause, ...], ...]
    required: tuple[Clause, ...] = ()
    forbidden: tuple[Clause, ...] = ()
    preferred: tuple[Clause, ...] = ()


class TextIndex:
    """One immutable index, open for reading by any number of threads, even after its folder was removed."""

    def __init__(self, folder: Path) -> None:
        """Open an index. Errors: IndexMissing where it is not there or damaged."""
        self.folder = folder
        self.digest = folder.name
        self._schema = _schema()
        with self._whole():
            index = _open(self._schema, folder)
            index.reload()
            self._searcher = index.searcher()
            edits = [folder / EDITS] if (folder / EDITS).exists() else []
            self._stored = StoredArticles.open([*edits, folder / ARTICLES])
        # Each article's id is read from tantivy's files once: they are packed.
        self._ids: dict[tuple[int, int], str] = {}

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def article(self, id: str) -> Article:
        """Give one article. Errors: ArticleUnknown."""
        found = self.articles_by_id([id])
        if id not in found:
            raise unknown_article(id)
        return found[id]

    def articles_by_id(self, ids: Sequence[str]) -> dict[str, Article]:
        """Give those of the articles that are here."""
        with self._whole():
            return self._stored.get(ids)

    def folds(self, ids: Sequence[str]) -> dict[str, str]:
        """Give each article's group of near-duplicates."""
        with self._whole():
            return self._stored.folds(ids)

    def stems(self, text: str) -> tuple[tuple[int, str], ...]:
        """Give the stems under which the words of ``text`` are found, with their places; none for small words."""
        spans = word_spans(text)
        return tuple((place, stem) for place, (start, end) in enumerate(spans) for stem in _stem(text[start:end]))

    def find(self, request: Request, *, limit: int) -> tuple[str, ...]:
        """Give the ids of the best articles, best first; equal ones in order of id, edited articles last."""
        return tuple(id for id, _ in self.best(request, limit=limit))

    def best(self, request: Request, *, limit: int) -> tuple[tuple[str, float], ...]:
        """Give the same ids with their scores, which are exact to six digits or so."""
        groups = [query for group in request.groups if (query := self._best_of(group)) is not None]
        if not groups or not all(map(self._matches, request.required)):
            return ()
        clauses = [(Occur.Must, _boolean([(Occur.Should, query) for query in groups]))]
        clauses += [(Occur.Must, _constant(self._query(clause))) for clause in request.required]
        clauses += [(Occur.MustNot, self._query(clause)) for clause in request.forbidden]
        clauses += [(Occur.Should, _constant(self._query(item), item.weight)) for item in request.preferred]
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
            read.update(words(" ".join([article.title, article.section, *_names(article), article.text])))
        near = (other for other in read if abs(len(other) - len(word)) <= edits)
        return frozenset(other for other in near if OSA.distance(word, other, score_cutoff=edits) <= edits)

    def scores(self, clauses: Sequence[Clause], *, ids: Sequence[str]) -> list[dict[str, float]]:
        """Give, for each clause, its score in each of the articles in which it matches."""
        # One query a name: tantivy's term set walks the whole dictionary and takes ten times as long.
        among = (Occur.Must, _constant(_boolean([(Occur.Should, self._term("id", id)) for id in ids])))
        return [
            dict(self._search(_boolean([(Occur.Must, self._query(clause)), among]), limit=len(ids)))
            if self._matches(clause)
            else {}
            for clause in clauses
        ]

    def _search(self, query: tantivy.Query, *, limit: int) -> list[tuple[str, float]]:
        with self._whole():
            hits = self._searcher.search(query, limit=limit, count=False).hits
            return [(self._id(address), score) for score, address in hits]

    def _id(self, address: tantivy.DocAddress) -> str:
        key = (address.segment_ord, address.doc)
        if key not in self._ids:
            self._ids[key] = self._searcher.doc(address)["id"][0]
        return self._ids[key]

    @contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, TypeError, sqlite3.Error):
            # What is asked is built here, so that only the files can be at fault.
            raise damaged(self.folder) from None

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


def write_segments(articles: Iterable[Article], *, folder: Path) -> None:
    """Index articles into an empty folder; in order of id, equal scores come out in that order."""
    writer = _open(_schema(), folder).writer(heap_size=_HEAP_BYTES, num_threads=1)
    for article in articles:
        writer.add_document(_document(article))
    writer.commit()
    writer.wait_merging_threads()


def edit_segments(articles: Iterable[Article], *, base: Path, folder: Path) -> int:
    """Index articles beside those of another folder, in place of their old versions, and give how many there are now.

    The other folder's segments are linked, and stay as they are: tantivy marks what is deleted in files of their own.
    """
    for file in (base / BASE).iterdir():
        if file.name in _REPLACED:
            shutil.copyfile(file, folder / BASE / file.name)
        elif file.suffix != ".lock":
            link_file(file, folder / BASE / file.name)
    index = _open(_schema(), folder)
    writer = index.writer(heap_size=_EDIT_HEAP_BYTES, num_threads=1)
    for article in articles:
        writer.delete_documents_by_term("id", article.id)
        writer.add_document(_document(article))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return int(index.searcher().num_docs)


def link_file(file: Path, target: Path) -> None:
    """Give a file a second name; a copy on file systems that can't."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


def damaged(folder: Path) -> IndexMissing:
    """Make the error for an index that can't be used."""
    return IndexMissing(
        "The text index is not there, is damaged, or was made by another version.",
        hint="Run: strokemap index",
        where=str(folder),
    )


def _open(schema: tantivy.Schema, folder: Path) -> tantivy.Index:
    index = tantivy.Index(schema, path=str(folder / BASE))
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
        EASE: article.ease,
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
    for field in (*EXACT, EASE):
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


def _constant(query: tantivy.Query, score: float = 0.0) -> tantivy.Query:
    return tantivy.Query.const_score_query(query, score)
