"""Made-up histories of any number of patients, with the distributions of the International Stroke Trial.

Every patient is invented: each variable is drawn by itself from all that the trial recorded of it, so that no row of
the trial comes out whole. A patient has 20 observations (eight deficits, six more on admission, six later readings of
systolic pressure, shifted down by 15 mmHg), an atrial fibrillation yes or no, the syndrome and final diagnosis of the
stroke, and a discharge. The same arguments give the same rows.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb

from hive_queries.engines import Batch, BatchDigest
from hive_queries.statement import tables

INSTITUTION = "made_up"
_AT_ONSET = (*(f"RDEF{number}" for number in range(1, 9)), "RCONSC", "RSLEEP", "RCT", "RVISINF", "RDELAY", "RSBP")
_CONDITIONS = ("RATRIAL", "STYPE")
_AT_14_DAYS = ("DDIAGISC", "DDIAGHA", "DNOSTRK")
_READINGS = 6
_MONTHS = "['sty', 'lut', 'mar', 'kwi', 'maj', 'cze', 'lip', 'sie', 'wrz', 'pa', 'lis', 'gru']"
_MONTH = f"""make_date(
  1900 + CAST(right(rdate, 2) AS INT),
  CAST(list_position({_MONTHS}, CASE WHEN rdate LIKE 'pa%' THEN 'pa' ELSE left(rdate, 3) END) AS INT), 1)"""


def land(folder: Path, *, patients: int, trial: Path, every: int = 1, batch: str = "first") -> dict[str, Path]:
    """Write the landed files of a batch. With ``every``, later readings of one patient in so many and nothing else."""
    written = {}
    folder.mkdir(parents=True)
    with closing(duckdb.connect(config={"temp_directory": str(folder / "spill")})) as connection:
        connection.execute(
            "CREATE TABLE trial AS SELECT upper(trim(COLUMNS(*))) FROM read_csv(?, all_varchar = true)", [str(trial)]
        )
        connection.execute(
            "CREATE TABLE people AS SELECT range AS i, md5('patient' || range) AS patient, "
            f"md5('row' || range) AS row_key, lower({_drawn('RDATE', number='range')}) AS rdate "
            "FROM range(?) WHERE range % ? = 0",
            [patients, every],
        )
        connection.execute(f"CREATE TABLE onset AS SELECT * EXCLUDE (rdate), {_MONTH} AS onset FROM people")
        for table, selects in (_first() if every == 1 else _later(batch)).items():
            written[table] = folder / f"{table}.csv"
            union = " UNION ALL ".join(_shaped(table, cells, source) for cells, source in selects)
            connection.execute(f"COPY ({union}) TO '{written[table]}' (FORMAT csv, HEADER false)")
    return written


def make_batch(*, patients: int, number: int) -> Batch:
    """Give the record of a batch of that many patients."""
    return Batch(
        institution=INSTITUTION,
        digest=BatchDigest(f"{number:064x}"),
        extract_format="made-up",
        rows=patients,
        patients=patients,
        acquired_us=number,
    )


def _first() -> dict[str, list[tuple[dict[str, str], str]]]:
    person = {
        "row_key": "row_key", "patient": "patient", "site": "'1'", "sex": _drawn("SEX"),
        "birth_year": f"year(onset) - CAST({_drawn('AGE')} AS INT)", "source_row": "i",
    }  # fmt: skip
    at_onset = [_said(name, kind="deficit" if name.startswith("RDEF") else "observation") for name in _AT_ONSET]
    conditions = [_said(name, kind="condition") for name in _CONDITIONS]
    later = [_said(name, kind="condition", days=14) for name in _AT_14_DAYS]
    return {
        "patients": [(person, "onset")],
        "observations": at_onset + [_reading(month) for month in range(1, _READINGS + 1)],
        "conditions": conditions + later,
        "rehab_assessments": [_said("DALIVE", kind="outcome", days=14)],
    }


def _later(batch: str) -> dict[str, list[tuple[dict[str, str], str]]]:
    return {"observations": [_reading(12, key=f"'{batch}'")]}


def _said(name: str, *, kind: str, days: int = 0) -> tuple[dict[str, str], str]:
    value = _drawn(name)
    number = f"TRY_CAST({value} AS DOUBLE)" if name in ("RSBP", "RDELAY") else "NULL"
    cells = {
        "row_key": "row_key", "patient": "patient", "kind": f"'{kind}'", "system": "'ist'", "code": f"'{name}'",
        "source_column": f"'{name}'", "source_value": value, "quantity": number, "display": f"'Variable {name}'",
        "on_date": f"onset + {days}", "on_precision": "'month'", "source_row": "i",
    }  # fmt: skip
    return cells, "onset"


def _reading(month: int, *, key: str = "''") -> tuple[dict[str, str], str]:
    value = f"CAST({_drawn('RSBP', purpose=f'later {month}')} AS DOUBLE) - 15"
    cells = {
        "row_key": f"md5('reading' || i || '-{month}' || {key})", "patient": "patient", "kind": "'observation'",
        "system": "'loinc'", "code": "'8480-6'", "source_column": "'observations.VALUE'",
        "source_value": f"printf('%.1f', {value})", "quantity": value, "unit": "'mm[Hg]'",
        "display": "'Systolic Blood Pressure'", "on_date": f"onset + {30 * month}", "on_precision": "'day'",
        "source_row": str(month),
    }  # fmt: skip
    return cells, "onset"


def _drawn(column: str, *, purpose: str = "", number: str = "i") -> str:
    """Give a value of a column of the trial, drawn for each patient apart."""
    values = f"(SELECT list({column} ORDER BY {column}) FROM trial WHERE {column} <> '')"
    return f"list_extract({values}, CAST(1 + hash({number}, '{column}{purpose}') % len({values}) AS BIGINT))"


def _shaped(table: str, cells: dict[str, str], source: str) -> str:
    """Write the columns of a table in their order; what the rows say nothing of is empty."""
    (columns,) = (item.columns for item in tables() if item.name == table)
    empty = {"string": "''"}
    known = (f"{cells.get(column.name, empty.get(column.type, 'NULL'))} AS {column.name}" for column in columns)
    return f"SELECT {', '.join(known)} FROM {source}"
