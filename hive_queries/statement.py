"""The statements of the .hql files that come with this room: plain data, read and linted when first asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


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


@cache
def read_shipped(name: str) -> tuple[Statement, ...]:
    """Give the statements of a .hql file that comes with this room, read once a process."""
    # Reading HiveQL brings sqlglot, which takes longer to import than most commands to run.
    from hive_queries.dialect import read_statements

    return read_statements(_spelled_out((files("hive_queries") / name).read_text(encoding="utf-8")), where=name)


@cache
def read_composed(name: str) -> Statement:
    """Give the one statement of a .hql file in which ``{x}`` stands for the text of view ``x``, or of ``x.hql``."""
    from hive_queries.dialect import read_statements

    bodies = {item.name: item.hiveql.split(" AS\n", 1)[1] for item in read_shipped("tables.hql") if item.kind == "view"}
    text = (files("hive_queries") / name).read_text(encoding="utf-8")
    for part in re.findall(r"^\{([a-z_]+)\}$", text, re.MULTILINE):
        body = bodies[part] if part in bodies else read_shipped(f"{part}.hql")[0].hiveql
        text = text.replace(f"{{{part}}}", body)
    (statement,) = read_statements(text, where=name)
    return statement


def _spelled_out(text: str) -> str:
    """Write the columns of the other table in place of LIKE."""
    bodies = dict(re.findall(r"^CREATE EXTERNAL TABLE IF NOT EXISTS (\w+)( \(.*?;)$", text, re.MULTILINE | re.DOTALL))
    return re.sub(
        r"^(CREATE EXTERNAL .+) LIKE (\w+);$", lambda like: like[1] + bodies[like[2]], text, flags=re.MULTILINE
    )


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
