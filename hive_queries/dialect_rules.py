"""What the linter refuses and why.

Most of it was measured on Apache Hive 4.0.1, Spark 4.3 and DuckDB 2.0; what was not is refused until somebody does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from hive_queries.dialect_kinds import is_constant, kind_of, mixes

# AND, OR, CASE, IF and EXISTS count as functions in sqlglot's tree.
_FUNCTIONS = """
AND OR CASE IF EXISTS COALESCE NULLIF CAST TRY_CAST CONCAT CONCAT_WS SORT_ARRAY ARRAY_SORT ARRAY_AGG
ARRAY_UNIQUE_AGG TIME_TO_STR TS_OR_DS_TO_TIMESTAMP STR_TO_TIME TIME_STR_TO_TIME DATE_FORMAT DATEDIFF DATE_DIFF
TS_OR_DS_DIFF DATE_ADD DATE_SUB TS_OR_DS_ADD TS_OR_DS_TO_DATE YEAR MONTH DAY MIN MAX SUM COUNT LOWER
LENGTH ABS ROW_NUMBER RANK DENSE_RANK
"""
_ALLOWED = frozenset(_FUNCTIONS.split())

_REFUSED_FUNCTIONS = {
    "ADD_MONTHS": "the end of a month is treated differently, and DuckDB gives a time.",
    "ANY_VALUE": "Hive lacks it, and which value is chance.",
    "APPROX_DISTINCT": "Hive lacks it, and each engine estimates differently.",
    "APPROX_QUANTILE": "each engine has its own definition.",
    "ARG_MAX": "Hive lacks MAX_BY; use ROW_NUMBER.",
    "ARG_MIN": "Hive lacks MIN_BY; use ROW_NUMBER.",
    "ARRAY_DISTINCT": "DuckDB loses the order.",
    "COUNT_IF": "Hive lacks it; use SUM(CASE …).",
    "CURRENT_DATE": "the clock is a parameter, so that an answer can be had again.",
    "CURRENT_TIMESTAMP": "the clock is a parameter, so that an answer can be had again.",
    "DATE_TRUNC": "it gives a date on Hive, a time elsewhere.",
    "DAY_OF_WEEK": "DuckDB counts from another day.",
    "GREATEST": "with a NULL it is NULL on Hive, the greatest of the rest elsewhere; use CASE.",
    "GROUP_CONCAT": "Hive lacks it; use CONCAT_WS over SORT_ARRAY(COLLECT_LIST(…)).",
    "HASH": "each engine hashes differently.",
    "LEAST": "with a NULL it is NULL on Hive, the least of the rest elsewhere; use CASE.",
    "LOGICAL_AND": "Hive lacks it; use MIN(CASE …).",
    "LOGICAL_OR": "Hive lacks it; use MAX(CASE …).",
    "MONTHS_BETWEEN": "it is rounded to another number of digits.",
    "NOW": "the clock is a parameter, so that an answer can be had again.",
    "PMOD": "DuckDB lacks it.",
    "RAND": "an answer must come out the same again.",
    "REGEXP_REPLACE": "Hive replaces every match, DuckDB the first.",
    "ROUND": "halves and binary fractions come out differently.",
    "SPLIT_PART": "Hive lacks it.",
    "STACK": "DuckDB lacks it.",
    "STDDEV": "Hive divides by n, DuckDB by n - 1.",
    "SUBSTRING": "Hive counts a character beyond the first 65,536 as two and cuts it in half.",
    "TRIM": "DuckDB takes off every kind of space, Hive and Spark the plain one.",
    "UNIX_TO_STR": "it depends on the session's time zone.",
    "UPPER": "ß becomes SS on Hive and Spark, another letter on DuckDB; use LOWER in a LIKE.",
    "VARIANCE": "Hive divides by n, DuckDB by n - 1.",
}

_REFUSED_NODES = {
    # By the name of the class in sqlglot's tree.
    "Filter": "Hive lacks FILTER (WHERE …): use CASE inside the aggregate.",
    "Qualify": "QUALIFY is not in every engine, and its rewriting is not legal on Hive: use a subquery.",
    "Interval": "A date and an interval give a date on Hive, a time elsewhere: use CAST(DATE_ADD(…) AS DATE).",
    "Lateral": "LATERAL VIEW OUTER loses rows silently on DuckDB, and Hive has no LATERAL subquery.",
    "Pivot": "Hive lacks PIVOT.",
    "TableSample": "A sample is another one on each engine.",
    "Hint": "Hints are read by some engines only.",
    "Values": "Hive has no VALUES as a source: use SELECT … UNION ALL SELECT ….",
    "Lambda": "Hive lacks lambdas.",
    "IntDiv": "DIV rounds negative numbers differently.",
    "Mod": "% of a negative number or by zero differs.",
    "ILike": "Case folding differs: use LIKE on LOWER(…).",
    "RegexpLike": "Regular expressions differ: use LIKE.",
    "Escape": "Hive lacks LIKE … ESCAPE.",
    **dict.fromkeys(("BitwiseLeftShift", "BitwiseRightShift"), "Hive lacks << and >>."),
    **dict.fromkeys(
        ("Sort", "Cluster", "Distribute"), "It orders within parts only, and DuckDB leaves it out: use ORDER BY."
    ),
    **dict.fromkeys(
        ("Struct", "Map", "VarMap", "Array", "Bracket"),
        "Nested values print differently on each engine: keep columns flat.",
    ),
    **dict.fromkeys(
        ("Insert", "Update", "Delete", "Merge", "Drop"), "Rows come and go by batches only, never by statements."
    ),
}

_WORDS = """
all alter and array as authorization between bigint binary boolean both by cache case cast char column commit
conf constraint create cross cube current current_date current_timestamp cursor database date dayofweek dec
decimal delete desc describe distinct double drop else end except exchange exists extended external extract
false fetch float floor following for foreign from full function grant group grouping having if import in
inner insert int integer intersect interval into is join lateral left less like local macro map more none not
null numeric of offset on only or order out outer over partialscan partition percent placing preceding
precision preserve primary procedure qualify range reads reduce references regexp returning revoke right rlike
rollback rollup row rows select semi set smallint some start sync table tablesample then time timestamp to
transform trigger true truncate unbounded union uniquejoin unique unknown update user using values varchar
views when where window with
"""
_RESERVED = frozenset(_WORDS.split())


def _list_differs(node: exp.Expr) -> bool:
    above: exp.Expr | None = node
    for kind in (exp.ArraySort, exp.ConcatWs, exp.Coalesce):
        above = above.parent if above else None
        if not isinstance(above, kind):
            return True
    return False


def _division_differs(node: exp.Expr) -> bool:
    divisor = node.expression.unnest()
    return not (isinstance(divisor, exp.Nullif) or (isinstance(divisor, exp.Literal) and divisor.name.strip("0.")))


def _has_position(node: exp.Expr) -> bool:
    items = [item.this if isinstance(item, exp.Ordered) else item for item in node.expressions]
    return any(isinstance(item, exp.Literal) for item in items)


def _uses_own_alias(node: exp.Expr) -> bool:
    aliases: set[str] = set()
    for item in node.expressions:
        if isinstance(item, exp.Alias):
            if aliases & {column.name for column in item.find_all(exp.Column) if not column.table}:
                return True
            aliases.add(item.alias)
    # A name that is also a column's means the column there.
    aliases -= {column.name for item in node.expressions for column in item.find_all(exp.Column)}
    clauses = [clause for clause in (node.args.get("where"), node.args.get("group")) if clause]
    return any(column.name in aliases for clause in clauses for column in clause.find_all(exp.Column))


_DIFFERENCES: tuple[tuple[type[exp.Expr] | tuple[type[exp.Expr], ...], Callable[[Any], bool], str], ...] = (
    (
        exp.Identifier,
        lambda node: node.name != node.name.lower(),
        "Hive makes all names small, DuckDB does not: write small letters.",
    ),
    (
        exp.Identifier,
        lambda node: node.name in _RESERVED,
        "A name is a reserved word on one of the engines; use another.",
    ),
    (exp.TryCast, lambda node: bool(node.args.get("safe")), "Hive lacks TRY_CAST; CAST(… AS DATE) does the same."),
    (
        exp.Cast,
        lambda node: not (node.to.is_type("date") or isinstance(node.this, exp.Null)),
        "A cast rounds, wraps or prints differently on each engine; only CAST(… AS DATE) is the same.",
    ),
    (
        (exp.Cast, exp.TsOrDsToDate),
        lambda node: kind_of(node.this) == "text" and not re.fullmatch(r"\d{4}-\d\d-\d\d", node.this.name),
        "Hive and Spark read more as a date than DuckDB, which fails on the rest: keep dates in columns of dates.",
    ),
    (
        (exp.Add, exp.Sub),
        lambda node: "date" in {kind_of(node.this), kind_of(node.expression)},
        "Dates less dates are numbers on DuckDB, intervals elsewhere: use DATEDIFF or CAST(DATE_ADD(…) AS DATE).",
    ),
    (
        (exp.Add, exp.Sub, exp.Mul),
        # DATE_SUB(a, 1) is read as the addition of 1 * -1.
        lambda node: is_constant(node) and not isinstance(node.parent, exp.TsOrDsAdd),
        "Too large a result is an error on DuckDB and silently wrong elsewhere: write the result itself.",
    ),
    (
        (exp.Predicate, exp.Coalesce, exp.Nullif, exp.Case, exp.If),
        mixes,
        "Hive compares no number with a text, and DuckDB does not mix them: give both as one or the other.",
    ),
    (
        (exp.TsOrDsAdd, exp.DateAdd, exp.DateSub),
        lambda node: not isinstance(node.parent, exp.Cast),
        "Hive and Spark give a date here, DuckDB a time: wrap it in CAST(… AS DATE).",
    ),
    (
        exp.TimeToStr,
        lambda node: "'yyyy-MM-dd'" not in node.sql("hive"),
        "The engines read other date formats differently; only 'yyyy-MM-dd' is the same.",
    ),
    (
        (exp.ArrayAgg, exp.ArrayUniqueAgg),
        _list_differs,
        "Through PyHive a list comes as text that is not always JSON, in no order, and as NULL when empty: "
        "write COALESCE(CONCAT_WS(…, SORT_ARRAY(COLLECT_LIST(…))), '').",
    ),
    (
        exp.Lower,
        lambda node: not isinstance(node.parent, exp.Like),
        "Letters such as the Turkish İ become other ones on each engine: use LOWER(…) before LIKE only.",
    ),
    (
        (exp.Concat, exp.ConcatWs, exp.DPipe),
        lambda node: any(kind_of(part) == "number" for part in node.iter_expressions()),
        "A number is printed differently, 1.50 as 1.5 on Hive: write it as a string.",
    ),
    (
        exp.Literal,
        lambda node: not (node.is_string or re.fullmatch(r"\d{1,18}(\.\d*[1-9])?", node.name)),
        "Hive drops zeros at the end of a fraction, and exponents and longer numbers differ, too: write it plainly.",
    ),
    (
        exp.Literal,
        lambda node: node.is_string and "\\" in node.name,
        "A backslash in a string escapes on Hive and Spark, not on DuckDB; use a parameter.",
    ),
    (exp.Div, _division_differs, "Division by zero is NULL, infinite or an error: divide by NULLIF(…, 0)."),
    (
        exp.Star,
        lambda node: not isinstance(node.parent, exp.Count),
        "Hive names the columns of * after the table, and their order is nobody's promise: list them.",
    ),
    (
        exp.Table,
        lambda node: bool(node.db),
        "What stands before a table's name, a database or a format, is not the same elsewhere: leave it out.",
    ),
    (exp.FileFormatProperty, lambda node: not node.args.get("hive_format"), "USING is Spark's: write STORED AS."),
    (exp.With, lambda node: bool(node.recursive), "Hive lacks WITH RECURSIVE."),
    (exp.Distinct, lambda node: bool(node.args.get("on")), "DISTINCT ON is DuckDB's alone: use ROW_NUMBER."),
    (
        (exp.Limit, exp.Offset),
        lambda node: not isinstance(node.expression, exp.Literal),
        "Hive and Spark want a written number there.",
    ),
    (
        exp.Join,
        lambda node: node.kind == "ANTI" or (node.kind == "SEMI" and node.side != "LEFT"),
        "Hive has LEFT SEMI JOIN only; use NOT EXISTS, or a LEFT JOIN that finds nothing.",
    ),
    (
        exp.Join,
        lambda node: bool(node.method or node.args.get("using")),
        "NATURAL and USING merge columns differently: join with ON.",
    ),
    (
        (exp.Order, exp.Group),
        _has_position,
        "A position means the column only on some engines, a constant on the others: name the column.",
    ),
    (
        exp.Group,
        lambda node: any(node.args.get(key) for key in ("all", "cube", "rollup", "grouping_sets", "totals")),
        "GROUP BY ALL, ROLLUP, CUBE and GROUPING SETS differ: write the groups out.",
    ),
    (
        exp.Placeholder,
        lambda node: not re.fullmatch(r"[a-z][a-z0-9_]*", node.name),
        "Parameters have names: write :name.",
    ),
    (
        exp.Select,
        lambda node: any(not isinstance(item, exp.Column | exp.Alias | exp.Star) for item in node.expressions),
        "Hive calls a column without a name _c0: give each expression an alias.",
    ),
    (
        exp.Select,
        _uses_own_alias,
        "An alias of the same SELECT is no column on Hive: repeat the expression, or use a subquery.",
    ),
    (
        exp.Subquery,
        lambda node: isinstance(node.parent, exp.From | exp.Join) and not node.alias,
        "Hive wants an alias for a subquery in FROM.",
    ),
)
"""What differs between the engines: a kind of node, when it does, and what to write instead."""


def why_refused(node: exp.Expr) -> str:
    """Say why a node does not mean the same everywhere; the empty string when it does."""
    if reason := _REFUSED_NODES.get(type(node).__name__):
        return reason
    if isinstance(node, exp.Func):
        name = node.name.upper() if isinstance(node, exp.Anonymous) else node.sql_name()
        if name not in _ALLOWED:
            return f"{name}: {_REFUSED_FUNCTIONS.get(name, 'nobody found yet that it means the same on all engines.')}"
    return next((reason for kinds, differs, reason in _DIFFERENCES if isinstance(node, kinds) and differs(node)), "")
