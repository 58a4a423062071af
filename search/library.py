"""The library: imported articles and a curator's corrections, kept in one SQLite file.

A correction outlives the next import of the same article. An import is one transaction: whole or nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from search.article import Article, article_digest, format_article, parse_article
from search.lines import CORRECTABLE, BadLine, correct, json_lines, make_article, read_object
from strokemap.errors import ArticlesMalformed, ArticleUnknown, CorrectionInvalid, FormatUnknown, HomeUnwritable

FORMAT = 1
_FILE = "library.db"
_WAIT_SECONDS = 30.0
_TABLES = """
CREATE TABLE IF NOT EXISTS articles (id TEXT PRIMARY KEY, content TEXT NOT NULL, hash TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS corrections (id TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (id, field)) WITHOUT ROWID;
-- All digests are read after each edit, and should not be read from between the texts.
CREATE INDEX IF NOT EXISTS hashes ON articles (id, hash);
"""


@dataclass(frozen=True, slots=True)
class Library:
    """The articles of one folder, open for reading and writing. Every method is one transaction."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> Library:
        """Open a library, making it if it is not there. Errors: HomeUnwritable, FormatUnknown."""
        library = cls(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with library._database() as database:
                found = database.execute("PRAGMA user_version").fetchone()[0]
                if found > FORMAT:
                    raise FormatUnknown(
                        "The library was written by a newer version of Strokemap.",
                        hint="Use that version.",
                        where=str(folder / _FILE),
                    )
                # Tables first: a crash in between only repeats this.
                for statement in _TABLES.split(";"):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {FORMAT}")
        except OSError:
            raise library._unusable() from None
        return library

    def __len__(self) -> int:
        with self._database() as database:
            return int(database.execute("SELECT count(*) FROM articles").fetchone()[0])

    def articles(self) -> Iterator[Article]:
        """Give all articles in order of id, corrected."""
        with self._database() as database:
            corrections: dict[str, dict[str, str]] = {}
            for id, field, value in database.execute("SELECT id, field, value FROM corrections"):
                corrections.setdefault(id, {})[field] = value
            for id, content in database.execute("SELECT id, content FROM articles ORDER BY id"):
                article = parse_article(content)
                yield correct(article, corrections[id]) if id in corrections else article

    def get(self, id: str) -> Article:
        """Give one article, corrected. Errors: ArticleUnknown."""
        with self._database() as database:
            row = database.execute("SELECT content FROM articles WHERE id = ?", [id]).fetchone()
            made = dict(database.execute("SELECT field, value FROM corrections WHERE id = ?", [id]).fetchall())
        if row is None:
            raise unknown_article(id)
        return correct(parse_article(row[0]), made)

    def add(self, articles: Iterator[Article]) -> tuple[int, int]:
        """Keep articles; give how many are new or changed, and how many were here already. Durable on return."""
        changed = unchanged = 0
        with self._database() as database:
            for article in articles:
                content, digest = format_article(article), article_digest(article)
                found = database.execute("SELECT hash FROM articles WHERE id = ?", [article.id]).fetchone()
                if found is not None and found[0] == digest:
                    unchanged += 1
                    continue
                database.execute("INSERT OR REPLACE INTO articles VALUES (?, ?, ?)", [article.id, content, digest])
                changed += 1
        return changed, unchanged

    def correct(self, id: str, field: str, value: str) -> Article:
        """Correct one field for good; several values are parted by “;”. Errors: ArticleUnknown, CorrectionInvalid."""
        if field not in CORRECTABLE:
            hint = f"Give one of: {', '.join(CORRECTABLE)}."
            raise CorrectionInvalid("An article has no such field to correct.", hint=hint, where="field")
        try:
            corrected = correct(self.get(id), {field: value})
        except BadLine as reason:
            hint = "Give another value."
            raise CorrectionInvalid(f"An article can't have this: {reason}.", hint=hint, where="value") from None
        with self._database() as database:
            database.execute("INSERT OR REPLACE INTO corrections VALUES (?, ?, ?)", [id, field, value])
        return corrected

    def digests(self) -> dict[str, str]:
        """Give the digest of each article as it is now, corrected, in order of id."""
        with self._database() as database:
            found: dict[str, str] = dict(database.execute("SELECT id, hash FROM articles ORDER BY id"))
            corrected = [id for (id,) in database.execute("SELECT DISTINCT id FROM corrections")]
        return found | {id: article_digest(self.get(id)) for id in corrected if id in found}

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            # The second `database` is the transaction: what a killed import had not committed is rolled back.
            with closing(sqlite3.connect(self.folder / _FILE, timeout=_WAIT_SECONDS)) as database, database:
                yield database
        except sqlite3.Error:
            raise self._unusable() from None

    def _unusable(self) -> HomeUnwritable:
        return HomeUnwritable(
            "The library can't be read or written.",
            hint="Check the disk and the folder's permissions, and that no other import runs.",
            where=str(self.folder / _FILE),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What was not taken, and why: a line, counted from 1, or a file of a folder."""

    line: int = 0
    file: str = ""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of what was given: imported + unchanged + refused are all lines that are not blank, or all files."""

    imported: int
    unchanged: int
    refused: tuple[Refused, ...]


def import_articles(path: Path, *, library: Library) -> ImportReport:
    """Add the articles of a JSONL file or a folder of Markdown in one transaction; the same again changes nothing.

    Unknown fields are passed over. Where nothing is an article the library stays as it was.
    Errors: InputMissing, ArticlesMalformed.
    """
    refused: list[Refused] = []
    articles = _of_folder(path, refused=refused) if path.is_dir() else _of_lines(path, refused=refused)
    imported, unchanged = library.add(articles)
    if not imported + unchanged:
        first = refused[0] if refused else Refused(reason="it is empty")
        place = f":{first.line}" if first.line else f"/{first.file}" if first.file else ""
        raise ArticlesMalformed(
            f"Nothing there is an article: {first.reason}.",
            hint="Give JSONL, one object a line with at least id, title and text, or a folder of Markdown files.",
            where=f"{path}{place}",
        )
    return ImportReport(imported=imported, unchanged=unchanged, refused=tuple(refused))


def _of_folder(folder: Path, *, refused: list[Refused]) -> Iterator[Article]:
    # Only folders need the parsers of Markdown and YAML.
    from search.markdown import markdown_files, read_markdown

    seen: dict[str, str] = {}
    for path in markdown_files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            article = read_markdown(path, folder=folder)
            if (before := seen.setdefault(article.id, name)) != name:
                raise BadLine(f"the id stands in {before} already")
        except BadLine as reason:
            refused.append(Refused(file=name, reason=str(reason)))
        else:
            yield article


def _of_lines(path: Path, *, refused: list[Refused]) -> Iterator[Article]:
    """Give the articles of a file; lines that are none are added to ``refused``."""
    seen: dict[str, int] = {}
    for number, line in json_lines(path, malformed=ArticlesMalformed):
        try:
            article = make_article(read_object(line))
            if (before := seen.setdefault(article.id, number)) != number:
                raise BadLine(f"the id stands in line {before} already")
        except BadLine as reason:
            refused.append(Refused(line=number, reason=str(reason)))
        else:
            yield article


def unknown_article(id: str) -> ArticleUnknown:
    """Make the error for an id that names nothing."""
    hint = "Ids look like lib:… or wiki:Stroke#Signs."
    return ArticleUnknown("There is no article with this id.", hint=hint, where=id)
