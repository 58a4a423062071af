"""What the linter refuses and why, as data.

Most of it was measured on Apache Hive 4.0.1, Spark 4.3 and DuckDB 2.0; what was not is refused until somebody does.
"""

from __future__ import annotations

# AND, OR, CASE, IF and EXISTS count as functions in sqlglot's tree.
_ALLOWED = """
AND OR CASE IF EXISTS COALESCE NULLIF CAST TRY_CAST CONCAT CONCAT_WS SORT_ARRAY ARRAY_SORT ARRAY_AGG
ARRAY_UNIQUE_AGG TIME_TO_STR TS_OR_DS_TO_TIMESTAMP STR_TO_TIME TIME_STR_TO_TIME DATE_FORMAT DATEDIFF DATE_DIFF
TS_OR_DS_DIFF DATE_ADD DATE_SUB TS_OR_DS_ADD TS_OR_DS_TO_DATE YEAR MONTH DAY MIN MAX SUM COUNT LOWER UPPER SUBSTRING
LENGTH TRIM ABS ROW_NUMBER RANK DENSE_RANK
"""
ALLOWED_FUNCTIONS = frozenset(_ALLOWED.split())

REFUSED_FUNCTIONS = {
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
    "DAY_OF_WEEK": "DuckDB counts from another day.",
    "GREATEST": "with a NULL it is NULL on Hive, the greatest of the rest elsewhere; use CASE.",
    "GROUP_CONCAT": "Hive lacks it; use CONCAT_WS over SORT_ARRAY(COLLECT_LIST(…)).",
    "HASH": "each engine hashes differently.",
    "LEAST": "with a NULL it is NULL on Hive, the least of the rest elsewhere; use CASE.",
    "LOGICAL_AND": "Hive lacks it; use MIN(CASE …).",
    "LOGICAL_OR": "Hive lacks it; use MAX(CASE …).",
    "MONTHS_BETWEEN": "it is rounded to another number of digits.",
    "PMOD": "DuckDB lacks it.",
    "RAND": "an answer must come out the same again.",
    "REGEXP_REPLACE": "Hive replaces every match, DuckDB the first.",
    "ROUND": "halves and binary fractions come out differently.",
    "SPLIT_PART": "Hive lacks it.",
    "STACK": "DuckDB lacks it.",
    "STDDEV": "Hive divides by n, DuckDB by n - 1.",
    "TIMESTAMP_TRUNC": "date_trunc gives a date on Hive, a time elsewhere.",
    "UNIX_TO_STR": "it depends on the session's time zone.",
    "VARIANCE": "Hive divides by n, DuckDB by n - 1.",
}

REFUSED_NODES = {
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
    "Struct": "Nested values print differently on each engine: keep columns flat.",
    "Map": "Nested values print differently on each engine: keep columns flat.",
    "VarMap": "Nested values print differently on each engine: keep columns flat.",
    "Array": "Nested values print differently on each engine: keep columns flat.",
    "Bracket": "Nested values print differently on each engine: keep columns flat.",
    "Insert": "Rows come and go by batches only, never by statements.",
    "Update": "Rows come and go by batches only, never by statements.",
    "Delete": "Rows come and go by batches only, never by statements.",
    "Merge": "Rows come and go by batches only, never by statements.",
    "Drop": "Rows come and go by batches only, never by statements.",
}

_RESERVED = """
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
RESERVED_WORDS = frozenset(_RESERVED.split())
