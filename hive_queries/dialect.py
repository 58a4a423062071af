"""HiveQL that means the same on Hive, Spark and DuckDB: read, linted, and transpiled for the embedded engine.

In:   the text of a .hql file.     Out: Statements, or DialectRefused with file, line and the reason.
What differs between the engines was measured; ``dialect_rules`` and the checks below say it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.dialects.hive import Hive
from sqlglot.errors import ErrorLevel, SqlglotError

from hive_queries.dialect_rules import ALLOWED_FUNCTIONS, REFUSED_FUNCTIONS, REFUSED_NODES, RESERVED_WORDS
from strokemap.errors import DialectRefused

_DATE_FORMAT = "'yyyy-MM-dd'"
_SPLIT_STRING = "Hive joins two string literals side by side, Spark reads a quote: use a parameter or CONCAT."
_LIST = (
    "Through PyHive a list comes as text that is not always JSON, in no order, and as NULL when empty: "
    "write COALESCE(CONCAT_WS(…, SORT_ARRAY(COLLECT_LIST(…))), '')."
)


class _NullsLarge(Hive):
    """Hive with the opposite order of nulls: where both readings agree, the text itself says it."""

    NULL_ORDERING = "nulls_are_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table of ``tables.hql``, with its HiveQL type in small letters."""

    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One linted statement. ``kind`` is ``table``, ``view`` or ``query``."""

    kind: str
    name: str
    """Of the table or view; empty for a query."""
    columns: tuple[Column, ...]
    """Of a table, without the partition columns; of a query the names alone."""
    parameters: tuple[str, ...]
    reads: frozenset[str]
    """Tables and views that it names."""
    hiveql: str
    duckdb: str


def read_shipped(name: str) -> tuple[Statement, ...]:
    """Give the statements of a .hql file that comes with this room, read once a process."""
    return _read_shipped(name)


@lru_cache(maxsize=64)
def _read_shipped(name: str) -> tuple[Statement, ...]:
    return read_statements((files("hive_queries") / name).read_text(encoding="utf-8"), where=name)


def read_statements(text: str, *, where: str) -> tuple[Statement, ...]:
    """Split, lint and transpile a text. Errors: DialectRefused with ``where`` as ``file:line``."""
    if "${" in text:
        line = text[: text.index("${")].count("\n") + 1
        raise _refused("Hive and Spark replace ${…} even inside strings; use a :name parameter.", where, line)
    return tuple(_read(tokens, text=text, where=where) for tokens in _split(text, where=where))


def tables() -> tuple[Statement, ...]:
    """Give the tables of ``tables.hql`` in their order there."""
    return tuple(statement for statement in read_shipped("tables.hql") if statement.kind == "table")


def needed_by(statement: Statement) -> tuple[Statement, ...]:
    """Give the tables and views of ``tables.hql`` that a query reads, directly or not, in their order there."""
    shipped = read_shipped("tables.hql")
    names = set(statement.reads)
    # A view stands below what it reads, so that one pass from the end finds all.
    for item in reversed(shipped):
        if item.name in names:
            names |= item.reads
    return tuple(item for item in shipped if item.name in names)


def _split(text: str, *, where: str) -> Iterator[list[Token]]:
    try:
        tokens = sqlglot.tokenize(text, read="hive")
    except SqlglotError as error:
        raise _refused(f"The text can't be read: {_first_line(error)}.", where, 1) from None
    statement: list[Token] = []
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            if statement:
                yield statement
            statement = []
        else:
            statement.append(token)
    if statement:
        yield statement


def _read(tokens: list[Token], *, text: str, where: str) -> Statement:
    first = tokens[0].line
    _lint_strings(tokens, where=where)
    hiveql = text[tokens[0].start : tokens[-1].end + 1]
    try:
        tree, opposite = sqlglot.parse_one(hiveql, read="hive"), sqlglot.parse_one(hiveql, read=_NullsLarge)
    except SqlglotError as error:
        raise _refused(f"The text is not HiveQL that we can read: {_first_line(error)}.", where, first) from None
    for node in tree.walk():
        reason = _reason(node)
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
    duckdb = "" if kind == "table" else _transpile(tree, where=where)
    return Statement(
        kind=kind, name=name, columns=columns, parameters=parameters, reads=reads, hiveql=hiveql, duckdb=duckdb
    )


def _transpile(tree: exp.Expr, *, where: str) -> str:
    try:
        return tree.sql("duckdb", unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise _refused(f"DuckDB has nothing for this: {_first_line(error)}.", where, None) from None


def _lint_strings(tokens: list[Token], *, where: str) -> None:
    before: Token | None = None
    for token in tokens:
        if token.token_type == TokenType.STRING and before is not None and before.token_type == TokenType.STRING:
            raise _refused(_SPLIT_STRING, where, token.line)
        before = token


def _reason(node: exp.Expr) -> str:
    """Say why a node does not mean the same everywhere; the empty string when it does."""
    return next(filter(None, (check(node) for check in _CHECKS)), "")


def _refused_node(node: exp.Expr) -> str:
    return REFUSED_NODES.get(type(node).__name__, "")


def _name(node: exp.Expr) -> str:
    if not isinstance(node, exp.Identifier):
        return ""
    if node.name != node.name.lower():
        return f"Hive makes all names small, DuckDB does not: write “{node.name.lower()}”."
    if node.name in RESERVED_WORDS:
        return f"“{node.name}” is a reserved word on one of the engines; use another name."
    return ""


def _function(node: exp.Expr) -> str:
    if not isinstance(node, exp.Func):
        return ""
    name = node.name.upper() if isinstance(node, exp.Anonymous) else node.sql_name()
    if name in REFUSED_FUNCTIONS:
        return f"{name}: {REFUSED_FUNCTIONS[name]}"
    if name not in ALLOWED_FUNCTIONS:
        return f"{name} is not on the list of functions that were found to mean the same on all three engines."
    return ""


def _cast(node: exp.Expr) -> str:
    if not isinstance(node, exp.Cast) or node.to.is_type("date") or isinstance(node.this, exp.Null):
        return ""
    return "A cast rounds, wraps or prints differently on each engine; only CAST(… AS DATE) is the same."


def _date(node: exp.Expr) -> str:
    if isinstance(node, exp.TsOrDsAdd | exp.DateAdd | exp.DateSub) and not isinstance(node.parent, exp.Cast):
        return "Hive and Spark give a date here, DuckDB a time: wrap it in CAST(… AS DATE)."
    if isinstance(node, exp.TimeToStr) and _DATE_FORMAT not in node.sql("hive"):
        return f"The engines read other date formats differently; only {_DATE_FORMAT} is the same."
    return ""


def _list(node: exp.Expr) -> str:
    above: exp.Expr | None = node
    for kind in (
        (exp.ArraySort, exp.ConcatWs, exp.Coalesce) if isinstance(node, exp.ArrayAgg | exp.ArrayUniqueAgg) else ()
    ):
        above = above.parent if above else None
        if not isinstance(above, kind):
            return _LIST
    return ""


def _substring(node: exp.Expr) -> str:
    if isinstance(node, exp.Substring) and node.args["start"].name in ("0", ""):
        return "SUBSTR from 0 means from 1 on Hive only: start at 1 or later."
    return ""


def _string(node: exp.Expr) -> str:
    if isinstance(node, exp.Literal) and node.is_string and "\\" in node.name:
        return "A backslash in a string escapes on Hive and Spark, not on DuckDB; use a parameter."
    return ""


def _division(node: exp.Expr) -> str:
    divisor = node.expression.unnest() if isinstance(node, exp.Div) else exp.Literal.number(1)
    if isinstance(divisor, exp.Nullif) or (isinstance(divisor, exp.Literal) and divisor.name.strip("0.")):
        return ""
    return "Division by zero is NULL, infinite or an error: divide by NULLIF(…, 0)."


def _star(node: exp.Expr) -> str:
    if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
        return "Hive names the columns of * after the table, and their order is nobody's promise: list them."
    return ""


def _join(node: exp.Expr) -> str:
    if not isinstance(node, exp.Join):
        return ""
    if node.kind == "ANTI" or (node.kind == "SEMI" and node.side != "LEFT"):
        return "Hive has LEFT SEMI JOIN only; use NOT EXISTS, or a LEFT JOIN that finds nothing."
    if node.method or node.args.get("using"):
        return "NATURAL and USING merge columns differently: join with ON."
    return ""


def _grouping(node: exp.Expr) -> str:
    if not isinstance(node, exp.Order | exp.Group):
        return ""
    items = [item.this if isinstance(item, exp.Ordered) else item for item in node.expressions]
    if any(isinstance(item, exp.Literal) for item in items):
        return "A position means the column only on some engines, a constant on the others: name the column."
    if any(node.args.get(key) for key in ("all", "cube", "rollup", "grouping_sets", "totals")):
        return "GROUP BY ALL, ROLLUP, CUBE and GROUPING SETS differ: write the groups out."
    return ""


def _parameter(node: exp.Expr) -> str:
    if isinstance(node, exp.Placeholder) and not re.fullmatch(r"[a-z][a-z0-9_]*", node.name):
        return "Parameters have names: write :name."
    return ""


def _select(node: exp.Expr) -> str:
    aliases: set[str] = set()
    for item in node.expressions if isinstance(node, exp.Select) else ():
        used = {column.name for column in item.find_all(exp.Column) if not column.table}
        if not isinstance(item, exp.Column | exp.Alias | exp.Star):
            return "Hive calls a column without a name _c0: give each expression an alias."
        if isinstance(item, exp.Alias) and used & aliases:
            return "An alias of the same SELECT is no column on Hive: repeat the expression, or use a subquery."
        if isinstance(item, exp.Alias):
            aliases.add(item.alias)
    return ""


def _subquery(node: exp.Expr) -> str:
    if isinstance(node, exp.Subquery) and isinstance(node.parent, exp.From | exp.Join) and not node.alias:
        return "Hive wants an alias for a subquery in FROM."
    return ""


_CHECKS = (
    _refused_node, _name, _function, _cast, _date, _list, _substring, _string, _division, _star, _join, _grouping,
    _parameter, _select, _subquery,
)  # fmt: skip


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
