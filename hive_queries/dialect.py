"""HiveQL that means the same on Hive, Spark and DuckDB: read, linted, and transpiled for the embedded engine.

In:   the text of a .hql file.     Out: Statements, or DialectRefused with file, line and the reason.
What differs between the engines was measured; ``dialect_rules`` says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby, pairwise

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.dialects.hive import Hive
from sqlglot.errors import ErrorLevel, SqlglotError

from hive_queries.dialect_rules import why_refused
from hive_queries.statement import Column, Statement
from strokemap.errors import DialectRefused

_SPLIT_STRING = "Hive joins two string literals side by side, Spark reads a quote: use a parameter or CONCAT."


class _NullsLarge(Hive):
    """Hive with the opposite order of nulls: where both readings agree, the text itself says it."""

    NULL_ORDERING = "nulls_are_large"


def read_statements(text: str, *, where: str) -> tuple[Statement, ...]:
    """Split, lint and transpile a text. Errors: DialectRefused with ``where`` as ``file:line``."""
    if "${" in text:
        line = text[: text.index("${")].count("\n") + 1
        raise _refused("Hive and Spark replace ${…} even inside strings; use a :name parameter.", where, line)
    return tuple(_read(tokens, text=text, where=where) for tokens in _split(text, where=where))


def _split(text: str, *, where: str) -> Iterator[list[Token]]:
    try:
        tokens = sqlglot.tokenize(text, read="hive")
    except SqlglotError as error:
        raise _refused(f"The text can't be read: {_first_line(error)}.", where, 1) from None
    for ends, statement in groupby(tokens, key=lambda token: token.token_type == TokenType.SEMICOLON):
        if not ends:
            yield list(statement)


def _read(tokens: list[Token], *, text: str, where: str) -> Statement:
    first = tokens[0].line
    for before, token in pairwise(tokens):
        if before.token_type == token.token_type == TokenType.STRING:
            raise _refused(_SPLIT_STRING, where, token.line)
    hiveql = text[tokens[0].start : tokens[-1].end + 1]
    try:
        tree, opposite = sqlglot.parse_one(hiveql, read="hive"), sqlglot.parse_one(hiveql, read=_NullsLarge)
    except SqlglotError as error:
        raise _refused(f"The text is not HiveQL that we can read: {_first_line(error)}.", where, first) from None
    for node in tree.walk():
        reason = why_refused(node)
        if reason:
            raise _refused(reason, where, first + _line(node) - 1)
    for ordered, other in zip(tree.find_all(exp.Ordered), opposite.find_all(exp.Ordered), strict=True):
        if ordered.args.get("nulls_first") != other.args.get("nulls_first"):
            raise _refused(
                "The engines put NULL at different ends; say NULLS FIRST or NULLS LAST.",
                where,
                first + _line(ordered) - 1,
            )
    return _statement(tree, hiveql=hiveql, where=f"{where}:{first}")


def _statement(tree: exp.Expr, *, hiveql: str, where: str) -> Statement:
    parameters = tuple(dict.fromkeys(node.name for node in tree.find_all(exp.Placeholder)))
    reads = frozenset(node.name for node in tree.find_all(exp.Table))
    if isinstance(tree, exp.Query):
        kind, name = "query", ""
        columns = tuple(Column(name=column, type="") for column in tree.named_selects)
    elif isinstance(tree, exp.Create) and tree.kind in ("TABLE", "VIEW"):
        kind = tree.kind.lower()
        name = tree.this.find(exp.Table, bfs=True).name
        schema = tree.this if isinstance(tree.this, exp.Schema) else exp.Schema()
        defined = [item for item in schema.expressions if isinstance(item, exp.ColumnDef)]
        columns = tuple(Column(name=item.name, type=item.kind.sql("hive").lower()) for item in defined if item.kind)
    else:
        raise _refused("Only CREATE TABLE, CREATE VIEW and queries are written in HiveQL here.", where, None)
    try:
        duckdb = "" if kind == "table" else tree.sql("duckdb", unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise _refused(f"DuckDB has nothing for this: {_first_line(error)}.", where, None) from None
    return Statement(
        kind=kind, name=name, columns=columns, parameters=parameters, reads=reads, hiveql=hiveql, duckdb=duckdb
    )


def _line(node: exp.Expr) -> int:
    """Give the line on which a node stands: its own, or the first that anything in it or above it knows."""
    nearest: exp.Expr | None = node
    while nearest is not None:
        lines = [part.meta["line"] for part in nearest.walk() if "line" in part.meta]
        if lines:
            return int(min(lines))
        nearest = nearest.parent
    return 1


def _first_line(error: SqlglotError) -> str:
    # sqlglot marks the spot with terminal colours and quotes the text around it.
    return re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()[0].rstrip(".")


def _refused(sentence: str, where: str, line: int | None) -> DialectRefused:
    place = where if line is None else f"{where}:{line}"
    return DialectRefused(
        f"This HiveQL does not mean the same on every engine. {sentence}", hint="Mend the .hql file.", where=place
    )
