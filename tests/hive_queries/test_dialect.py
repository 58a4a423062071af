"""HiveQL: what is refused, where, and what DuckDB gets to read."""

from __future__ import annotations

import pytest

from hive_queries.dialect import read_statements
from hive_queries.questions import questions
from hive_queries.statement import read_shipped, tables
from strokemap.errors import DialectRefused

REFUSED = {
    "null order": "SELECT a FROM t ORDER BY a",
    "null order, falling": "SELECT a FROM t ORDER BY a DESC",
    "null order in a window": "SELECT RANK() OVER (ORDER BY a) AS r FROM t",
    "cast to int": "SELECT CAST(a AS INT) AS b FROM t",
    "cast to text": "SELECT CAST(a AS STRING) AS b FROM t",
    "division": "SELECT a / b AS c FROM t",
    "division by the literal zero": "SELECT a / 0 AS c FROM t",
    "whole division": "SELECT a DIV b AS c FROM t",
    "remainder": "SELECT a % b AS c FROM t",
    "date arithmetic": "SELECT DATE_ADD(a, 3) AS b FROM t",
    "interval": "SELECT a + INTERVAL 3 DAY AS b FROM t",
    "months": "SELECT ADD_MONTHS(a, 1) AS b FROM t",
    "day of week": "SELECT DAYOFWEEK(a) AS b FROM t",
    "clock": "SELECT CURRENT_DATE AS b FROM t",
    "another date format": "SELECT DATE_FORMAT(a, 'yyyy/MM') AS b FROM t",
    "reserved word": "SELECT a AS start FROM t",
    "reserved word in quotes": "SELECT a AS `precision` FROM t",
    "capital letters": "SELECT Age AS b FROM t",
    "star": "SELECT * FROM t",
    "column without a name": "SELECT COUNT(*) FROM t",
    "alias as column": "SELECT a AS b, CONCAT(b, 'x') AS c FROM t",
    "anti join": "SELECT t.a FROM t LEFT ANTI JOIN u ON t.a = u.a",
    "using": "SELECT t.a FROM t JOIN u USING (a)",
    "natural join": "SELECT t.a FROM t NATURAL JOIN u",
    "filter": "SELECT COUNT(*) FILTER (WHERE a = 1) AS n FROM t",
    "qualify": "SELECT a FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY a ASC NULLS LAST) = 1",
    "outer lateral view": "SELECT a FROM t LATERAL VIEW OUTER EXPLODE(b) x AS c",
    "list": "SELECT COLLECT_LIST(a) AS b FROM t",
    "unsorted list": "SELECT CONCAT_WS(',', COLLECT_LIST(a)) AS b FROM t",
    "list that may be NULL": "SELECT CONCAT_WS(',', SORT_ARRAY(COLLECT_SET(a))) AS b FROM t",
    "ordinal": "SELECT a FROM t GROUP BY 1",
    "order by ordinal": "SELECT a FROM t ORDER BY 1 ASC NULLS LAST",
    "rollup": "SELECT a FROM t GROUP BY a WITH ROLLUP",
    "grouping by all": "SELECT a FROM t GROUP BY ALL",
    "subquery without alias": "SELECT a FROM (SELECT a FROM t)",
    "values": "SELECT a FROM VALUES (1) AS v(a)",
    "sample": "SELECT a FROM t TABLESAMPLE(10 PERCENT)",
    "hint": "SELECT /*+ BROADCAST(t) */ a FROM t",
    "greatest": "SELECT GREATEST(a, b) AS c FROM t",
    "spread": "SELECT STDDEV(a) AS c FROM t",
    "hash": "SELECT HASH(a) AS c FROM t",
    "regular expression": "SELECT a FROM t WHERE a RLIKE 'x'",
    "unknown function": "SELECT SOUNDEX(a) AS c FROM t",
    "function of the server": "SELECT REFLECT('java.lang.Runtime', 'x') AS c FROM t",
    "substring": "SELECT SUBSTR(a, 1, 3) AS c FROM t",
    "upper": "SELECT UPPER(a) AS c FROM t",
    "lower outside of like": "SELECT LOWER(a) AS c FROM t",
    "trim": "SELECT TRIM(a) AS c FROM t",
    "number in concat": "SELECT CONCAT(a, 1.50) AS c FROM t",
    "backslash": r"SELECT a FROM t WHERE a = 'x\\y'",
    "string side by side": "SELECT 'it''s' AS b FROM t",
    "nested value": "SELECT NAMED_STRUCT('a', 1) AS b FROM t",
    "first of a list": "SELECT a[0] AS b FROM t",
    "parameter without name": "SELECT a FROM t WHERE a = ?",
    "variable of the server": "SELECT '${env:PATH}' AS a FROM t",
    "insert": "INSERT INTO t SELECT a FROM u",
    "drop": "DROP TABLE t",
    "setting": "SET hive.variable.substitute=true",
    "not sql": "SELEC a FORM t",
    "unclosed string": "SELECT 'a FROM t",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_construct_that_differs_between_engines_is_refused(text: str) -> None:
    with pytest.raises(DialectRefused) as refusal:
        read_statements(text, where="made-up.hql")
    assert refusal.value.where.startswith("made-up.hql:1")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t ORDER BY a ASC NULLS FIRST",
        "SELECT a / NULLIF(b, 0) AS c, a / 2 AS d FROM t",
        "SELECT CAST(DATE_ADD(a, 3) AS DATE) AS b FROM t",
        "SELECT COALESCE(CONCAT_WS(',', SORT_ARRAY(COLLECT_LIST(a))), '') AS b FROM t",
        "SELECT t.a FROM t LEFT SEMI JOIN u ON t.a = u.a WHERE t.b = :wanted",
        "SELECT COUNT(*) AS n FROM t",
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
