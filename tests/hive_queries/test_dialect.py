"""HiveQL: what is refused, where, and what DuckDB gets to read."""

from __future__ import annotations

import pytest

from hive_queries.dialect import read_statements
from hive_queries.questions import questions
from hive_queries.statement import read_shipped, tables
from strokemap.errors import DialectRefused

REFUSED = {
    # One row for each line of what was measured: the text, and what the refusal has to say.
    "null order": ("SELECT a FROM t ORDER BY a", "NULLS FIRST"),
    "null order, falling": ("SELECT a FROM t ORDER BY a DESC", "NULLS FIRST"),
    "null order in a window": ("SELECT RANK() OVER (ORDER BY a) AS r FROM t", "NULLS FIRST"),
    "cast to int": ("SELECT CAST(a AS INT) AS b FROM t", "cast rounds"),
    "cast to text": ("SELECT CAST(a AS STRING) AS b FROM t", "cast rounds"),
    "cast that may fail": ("SELECT TRY_CAST(a AS DATE) AS b FROM t", "lacks TRY_CAST"),
    "cast of what may be no date": ("SELECT CAST(source_value AS DATE) AS b FROM conditions", "DuckDB, which fails"),
    "year of a text": ("SELECT YEAR('2024') AS y FROM t", "DuckDB, which fails"),
    "division": ("SELECT a / b AS c FROM t", "NULLIF"),
    "division by the literal zero": ("SELECT a / 0 AS c FROM t", "NULLIF"),
    "whole division": ("SELECT a DIV b AS c FROM t", "rounds negative"),
    "remainder": ("SELECT a % b AS c FROM t", "negative number"),
    "overflow of 32 bits": ("SELECT 2147483647 + 1 AS a FROM t", "silently wrong"),
    "overflow of 64 bits": ("SELECT ABS(-9223372036854775807 - 1) AS a FROM t", "silently wrong"),
    "large number": ("SELECT 99999999999999999999 AS a FROM t", "longer numbers"),
    "exponent": ("SELECT 1e400 AS a FROM t", "exponents"),
    "zero at the end": ("SELECT 1.50 AS a FROM t", "zeros at the end"),
    "number and text compared": ("SELECT batch FROM batches WHERE patient_count = '1'", "no number with a text"),
    "count and text compared": ("SELECT a FROM t GROUP BY a HAVING COUNT(*) > '1'", "no number with a text"),
    "number between texts": ("SELECT code FROM conditions WHERE quantity BETWEEN '1' AND '2'", "no number with a text"),
    "text among numbers": ("SELECT batch FROM batches WHERE institution IN (1, 2)", "no number with a text"),
    "number for a missing text": ("SELECT COALESCE(institution, 1) AS a FROM batches", "does not mix them"),
    "number or text by case": ("SELECT CASE WHEN a = b THEN 1 ELSE 'x' END AS c FROM t", "does not mix them"),
    "number or text by if": ("SELECT IF(a = b, 1, 'x') AS c FROM t", "does not mix them"),
    "date arithmetic": ("SELECT DATE_ADD(a, 3) AS b FROM t", "wrap it in CAST"),
    "interval": ("SELECT a + INTERVAL 3 DAY AS b FROM t", "date and an interval"),
    "date plus days": ("SELECT CAST(a AS DATE) + 1 AS b FROM t", "use DATEDIFF"),
    "date less date": ("SELECT until_date - on_date AS c FROM encounters", "use DATEDIFF"),
    "months": ("SELECT ADD_MONTHS(a, 1) AS b FROM t", "end of a month"),
    "date_trunc": ("SELECT DATE_TRUNC('month', a) AS b FROM t", "DATE_TRUNC: it gives a date"),
    "trunc": ("SELECT TRUNC(a, 'MM') AS b FROM t", "TRUNC: "),
    "day of week": ("SELECT DAYOFWEEK(a) AS b FROM t", "another day"),
    "day of week by ISO": ("SELECT DAYOFWEEK_ISO(a) AS b FROM t", "nobody found"),
    "clock": ("SELECT CURRENT_DATE AS b FROM t", "clock is a parameter"),
    "now": ("SELECT NOW() AS b FROM t", "clock is a parameter"),
    "another date format": ("SELECT DATE_FORMAT(a, 'yyyy/MM') AS b FROM t", "date formats"),
    "reserved word": ("SELECT a AS start FROM t", "reserved word"),
    "another reserved word": ("SELECT a AS dec FROM t", "reserved word"),
    "reserved word in quotes": ("SELECT a AS `precision` FROM t", "reserved word"),
    "capital letters": ("SELECT Age AS b FROM t", "small letters"),
    "star": ("SELECT * FROM t", "list them"),
    "star without": ("SELECT * EXCLUDE (a) FROM t", "list them"),
    "column without a name": ("SELECT COUNT(*) FROM t", "an alias"),
    "alias as column": ("SELECT a AS b, CONCAT(b, 'x') AS c FROM t", "alias of the same SELECT"),
    "alias in where": ("SELECT a AS b FROM t WHERE b = 1", "alias of the same SELECT"),
    "alias in group by": ("SELECT YEAR(a) AS b FROM t GROUP BY b", "alias of the same SELECT"),
    "anti join": ("SELECT t.a FROM t LEFT ANTI JOIN u ON t.a = u.a", "LEFT SEMI JOIN only"),
    "semi join without a side": ("SELECT t.a FROM t SEMI JOIN u ON t.a = u.a", "LEFT SEMI JOIN only"),
    "using": ("SELECT t.a FROM t JOIN u USING (a)", "join with ON"),
    "natural join": ("SELECT t.a FROM t NATURAL JOIN u", "join with ON"),
    "filter": ("SELECT COUNT(*) FILTER (WHERE a = 1) AS n FROM t", "lacks FILTER"),
    "qualify": ("SELECT a FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY a ASC NULLS LAST) = 1", "QUALIFY"),
    "recursive": ("WITH RECURSIVE c AS (SELECT a FROM t UNION ALL SELECT a FROM c) SELECT a FROM c", "WITH RECURSIVE"),
    "outer lateral view": ("SELECT a FROM t LATERAL VIEW OUTER EXPLODE(b) x AS c", "LATERAL"),
    "lateral subquery": ("SELECT t.a FROM t, LATERAL (SELECT u.b FROM u WHERE u.a = t.a) x", "LATERAL"),
    "pivot": ("SELECT a FROM t PIVOT (SUM(b) FOR c IN (1, 2))", "PIVOT"),
    "range of days": (
        "SELECT SUM(a) OVER (ORDER BY b ASC NULLS LAST RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW)"
        " AS s FROM t",
        "date and an interval",
    ),
    "list": ("SELECT COLLECT_LIST(a) AS b FROM t", "comes as text"),
    "unsorted list": ("SELECT CONCAT_WS(',', COLLECT_LIST(a)) AS b FROM t", "comes as text"),
    "list that may be NULL": ("SELECT CONCAT_WS(',', SORT_ARRAY(COLLECT_SET(a))) AS b FROM t", "comes as text"),
    "joined texts": ("SELECT STRING_AGG(a, ',') AS b FROM t", "SORT_ARRAY"),
    "ordinal": ("SELECT a FROM t GROUP BY 1", "position"),
    "order by ordinal": ("SELECT a FROM t ORDER BY 1 ASC NULLS LAST", "position"),
    "rollup": ("SELECT a FROM t GROUP BY a WITH ROLLUP", "ROLLUP"),
    "grouping by all": ("SELECT a FROM t GROUP BY ALL", "GROUP BY ALL"),
    "distinct on": ("SELECT DISTINCT ON (a) a FROM t", "DISTINCT ON"),
    "sort by": ("SELECT a FROM t SORT BY a ASC NULLS LAST", "use ORDER BY"),
    "cluster by": ("SELECT a FROM t CLUSTER BY a", "use ORDER BY"),
    "distribute by": ("SELECT a FROM t DISTRIBUTE BY a", "use ORDER BY"),
    "limit by parameter": ("SELECT a FROM t ORDER BY a ASC NULLS LAST LIMIT :x", "written number"),
    "subquery without alias": ("SELECT a FROM (SELECT a FROM t)", "alias for a subquery"),
    "values": ("SELECT a FROM VALUES (1) AS v(a)", "VALUES"),
    "sample": ("SELECT a FROM t TABLESAMPLE(10 PERCENT)", "sample"),
    "hint": ("SELECT /*+ BROADCAST(t) */ a FROM t", "Hints"),
    "greatest": ("SELECT GREATEST(a, b) AS c FROM t", "with a NULL"),
    "least": ("SELECT LEAST(a, b) AS c FROM t", "with a NULL"),
    "spread": ("SELECT STDDEV(a) AS c FROM t", "divides by n"),
    "variance": ("SELECT VARIANCE(a) AS c FROM t", "divides by n"),
    "hash": ("SELECT HASH(a) AS c FROM t", "hashes"),
    "regular expression": ("SELECT a FROM t WHERE a RLIKE 'x'", "Regular expressions"),
    "replaced by a regular expression": ("SELECT REGEXP_REPLACE(a, 'x', 'y') AS b FROM t", "every match"),
    "any value": ("SELECT ANY_VALUE(a) AS b FROM t", "is chance"),
    "max_by": ("SELECT MAX_BY(a, b) AS c FROM t", "lacks MAX_BY"),
    "min_by": ("SELECT MIN_BY(a, b) AS c FROM t", "lacks MIN_BY"),
    "mode": ("SELECT MODE(a) AS b FROM t", "MODE: nobody found"),
    "estimate": ("SELECT APPROX_COUNT_DISTINCT(a) AS b FROM t", "estimates"),
    "bool_and": ("SELECT BOOL_AND(a) AS b FROM t", "Hive lacks it; use MIN"),
    "bool_or": ("SELECT BOOL_OR(a) AS b FROM t", "Hive lacks it; use MAX"),
    "count_if": ("SELECT COUNT_IF(a = 1) AS b FROM t", "Hive lacks it; use SUM"),
    "split_part": ("SELECT SPLIT_PART(a, 'x', 1) AS b FROM t", "SPLIT_PART: Hive lacks it"),
    "sequence": ("SELECT SEQUENCE(1, 3) AS b FROM t", "nobody found"),
    "range": ("SELECT RANGE(1, 3) AS b FROM t", "nobody found"),
    "element_at": ("SELECT ELEMENT_AT(a, 1) AS b FROM t", "ELEMENT_AT: nobody found"),
    "lambda": ("SELECT TRANSFORM(a, x -> x + 1) AS b FROM t", "TRANSFORM: nobody found"),
    "lambda that filters": ("SELECT FILTER(a, x -> x > 1) AS b FROM t", "nobody found"),
    "unknown function": ("SELECT SOUNDEX(a) AS c FROM t", "nobody found"),
    "function of the server": ("SELECT REFLECT('java.lang.Runtime', 'x') AS c FROM t", "nobody found"),
    "substring": ("SELECT SUBSTR(a, 1, 3) AS c FROM t", "65,536"),
    "upper": ("SELECT UPPER(a) AS c FROM t", "ß"),
    "lower outside of like": ("SELECT LOWER(a) AS c FROM t", "before LIKE only"),
    "trim": ("SELECT TRIM(a) AS c FROM t", "kind of space"),
    "like with escape": ("SELECT a FROM t WHERE a LIKE 'x!%' ESCAPE '!'", "ESCAPE"),
    "shifted bits": ("SELECT a << 1 AS b FROM t", "lacks <<"),
    "number in concat": ("SELECT CONCAT(a, 1.50) AS c FROM t", "printed differently"),
    "number of a column in concat": ("SELECT CONCAT(code, quantity) AS c FROM conditions", "printed differently"),
    "backslash": (r"SELECT a FROM t WHERE a = 'x\\y'", "backslash"),
    "string side by side": ("SELECT 'it''s' AS b FROM t", "side by side"),
    "nested value": ("SELECT NAMED_STRUCT('a', 1) AS b FROM t", "Nested"),
    "first of a list": ("SELECT a[0] AS b FROM t", "Nested"),
    "parameter without name": ("SELECT a FROM t WHERE a = ?", "write :name"),
    "variable of the server": ("SELECT '${env:PATH}' AS a FROM t", "inside strings"),
    "table of another database": ("SELECT a FROM other.t", "before a table's name"),
    "file in place of a table": ("SELECT a FROM parquet.`/x`", "before a table's name"),
    "table by using": ("CREATE TABLE t (a INT) USING parquet", "write STORED AS"),
    "cache": ("CACHE TABLE t", "Only CREATE TABLE"),
    "show": ("SHOW TABLES", "Only CREATE TABLE"),
    "insert": ("INSERT INTO t SELECT a FROM u", "by batches only"),
    "drop": ("DROP TABLE t", "by batches only"),
    "setting": ("SET hive.variable.substitute=true", "Only CREATE TABLE"),
    "not sql": ("SELEC a FORM t", "not HiveQL"),
    "unclosed string": ("SELECT 'a FROM t", "can't be read"),
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_construct_that_differs_between_engines_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(DialectRefused, match=reason) as refusal:
        read_statements(text, where="made-up.hql")
    assert refusal.value.where.startswith("made-up.hql:1")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t ORDER BY a ASC NULLS FIRST",
        "SELECT a / NULLIF(b, 0) AS c, a / 2 AS d FROM t",
        "SELECT CAST(DATE_ADD(a, 3) AS DATE) AS b, CAST(DATE_SUB(a, 3) AS DATE) AS c FROM t",
        "SELECT COALESCE(CONCAT_WS(',', SORT_ARRAY(COLLECT_LIST(a))), '') AS b FROM t",
        "SELECT t.a FROM t LEFT SEMI JOIN u ON t.a = u.a WHERE t.b = :wanted",
        "SELECT COUNT(*) AS n FROM t",
        # These were run on all three, and gave the same.
        "SELECT institution FROM batches WHERE patient_count = 1.5",
        "SELECT institution, COUNT(*) AS n FROM batches GROUP BY institution HAVING n > 0",
        "SELECT COALESCE(code, '') AS code FROM conditions WHERE code <> ''",
        "SELECT 7 & 3 AS a, 7 ^ 3 AS b FROM batches",
        "SELECT institution FROM batches WHERE institution <=> 'north'",
        "SELECT COUNT(DISTINCT institution, batch) AS n FROM batches",
    ],
)
def test_construct_that_means_the_same_is_taken(text: str) -> None:
    (statement,) = read_statements(text, where="made-up.hql")
    assert statement.kind == "query"


def test_refusal_names_the_line_of_the_construct() -> None:
    text = "SELECT a FROM t;\n\n-- a comment; with a semicolon\nSELECT\n  a,\n  GREATEST(a, b) AS c\nFROM t;\n"
    with pytest.raises(DialectRefused) as refusal:
        read_statements(text, where="made-up.hql")
    assert refusal.value.where == "made-up.hql:6"
    assert "GREATEST" in refusal.value.message


def test_parameter_in_a_string_is_text_and_parameters_stay_parameters() -> None:
    (statement,) = read_statements("SELECT ':not' AS a FROM t WHERE b = :yes AND c = :yes", where="x")
    assert statement.parameters == ("yes",)
    assert "$yes" in statement.duckdb
    assert "':not'" in statement.duckdb


def test_every_shipped_text_passes_the_linter() -> None:
    assert [table.name for table in tables()] == [
        *("batches", "patients", "encounters", "conditions", "observations", "medications", "procedures"),
        *("rehab_assessments", "article_events"),
    ]
    views = [statement.name for statement in read_shipped("tables.hql") if statement.kind == "view"]
    assert {"latest_patients", "latest_events", "latest_concepts"} < set(views)
    assert all(read_shipped(name) for name in ("profile.hql", "status.hql", "batches.hql"))
    assert questions()
