"""A folder of Markdown files as articles: YAML front matter for the fields, the text without its markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from search.article import Article
from search.lines import LONGEST_LINE, BadLine, make_article, read_written
from strokemap.errors import InputMissing

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(?P<yaml>.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_SUFFIXES = (".md", ".markdown")


def markdown_files(folder: Path) -> Iterator[Path]:
    """Give the Markdown files of a folder and those below it, in order of path. Errors: InputMissing."""
    try:
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    except OSError as error:
        message = f"The folder can't be read: {error.strerror or 'unknown reason'}."
        raise InputMissing(message, hint="Check the path.", where=str(folder)) from None
    return iter(found)


def read_markdown(path: Path, *, folder: Path) -> Article:
    """Read one file as an article.

    Without an id in its front matter it has its path for one, without a title its first heading. Raises BadLine.
    """
    text = _read(path)
    front = _FRONT_MATTER.match(text)
    values = _front_matter(front["yaml"]) if front else {}
    body = _plain(MarkdownIt().parse(text[front.end() :] if front else text))
    heading, _, rest = body.partition("\n")
    if "title" not in values:
        values["title"], body = heading, rest
    values.setdefault("id", path.relative_to(folder).with_suffix("").as_posix())
    return make_article(values | {"text": body.strip()})


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST_LINE)
    except OSError as error:
        raise BadLine(f"it can't be read: {error.strerror or 'unknown reason'}") from None
    if len(content) == LONGEST_LINE:
        raise BadLine(f"it is longer than {LONGEST_LINE:,} bytes")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise BadLine("it is not UTF-8") from None


def _front_matter(text: str) -> dict[str, object]:
    try:
        # This loader takes every value as the text it is: no dates, no numbers, no objects.
        values = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, RecursionError):
        raise BadLine("its front matter is not YAML") from None
    if not isinstance(values, dict):
        raise BadLine("its front matter is no list of fields")
    return read_written({str(name): value for name, value in values.items() if value != ""})


def _plain(tokens: list[Token]) -> str:
    """Give the text of each block on a line of its own, and list items as sentences of their own."""
    lines = []
    for token in tokens:
        if token.type == "inline":
            parts = (
                "\n" if child.type in ("softbreak", "hardbreak") else child.content
                for child in token.children or ()
                if child.type in ("text", "code_inline", "softbreak", "hardbreak", "image")
            )
            lines.append(" ".join("".join(parts).split()))
        elif token.type in ("fence", "code_block"):
            lines.append(token.content.strip())
    return "\n".join(line for line in lines if line)
