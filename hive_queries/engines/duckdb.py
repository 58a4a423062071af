"""The embedded history store: Parquet files in ``institution=X/batch=D`` folders, read by DuckDB.

The layout is Hive's own, so that a Hive or Spark beside it can read the same folder. One table is one folder, one batch
one file in it; a batch counts from the rename that puts its partition of ``batches`` in place, which is the last.
"""

from __future__ import annotations

import csv
import fcntl
import glob
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from hive_queries.dialect import Statement, needed_by, read_shipped, tables
from hive_queries.engines.base import Batch, BatchDigest, Cell, Parameter
from strokemap.errors import FormatUnknown, HistoryStoreUnreachable
from strokemap.home import replace_file, sync_folder

FORMAT = "strokemap-histories-1"
_TYPES = {"string": "VARCHAR", "bigint": "BIGINT", "double": "DOUBLE", "date": "DATE"}
_BATCHES = "batches"
_FILE = "part-0.parquet"
_FETCH = 1000


@dataclass(frozen=True, slots=True)
class DuckDBStore:
    """A HistoryStore in one folder. Each call opens DuckDB anew in memory: nothing is held between calls."""

    root: Path

    def add(self, batch: Batch, *, landed: Mapping[str, Path]) -> bool:
        """Write the Parquet files apart, then rename them into place, the partition of ``batches`` last."""
        with self._guarded(), self._lock(f"institution-{batch.institution}", exclusive=True):
            self._check_format(make=True)
            if self._partition(_BATCHES, batch).exists():
                return False
            # Whatever lies there comes from a process that was killed: nobody else holds this lock.
            incoming = self.root / "incoming" / batch.institution
            shutil.rmtree(incoming, ignore_errors=True)
            incoming.mkdir(parents=True)
            record = incoming / "batches.csv"
            fields = (batch.extract_format, batch.rows, batch.patients, batch.acquired_us)
            with record.open("w", encoding="utf-8", newline="") as handle:
                csv.writer(handle).writerow(fields)
            sources = {**landed, _BATCHES: record}
            with closing(self._connect()) as connection:
                for table, source in sources.items():
                    _write(connection, table, source, incoming / table)
            with self._lock("tables", exclusive=True):
                for table in sources:
                    _put(incoming / table, self._partition(table, batch))
            shutil.rmtree(incoming)
        return True

    def batches(self) -> tuple[Batch, ...]:
        """Read the partitions of ``batches``."""
        (statement,) = read_shipped("batches.hql")
        return tuple(
            Batch(
                institution=str(institution),
                digest=BatchDigest(str(digest)),
                extract_format=str(extract_format),
                rows=int(rows or 0),
                patients=int(patients or 0),
                acquired_us=int(acquired_us or 0),
            )
            for institution, digest, extract_format, rows, patients, acquired_us in self.run(statement, parameters={})
        )

    def drop(self, institution: str) -> int:
        """Move the institution's partitions out of the tables, those of ``batches`` first, then delete them."""
        with self._guarded(), self._lock(f"institution-{institution}", exclusive=True):
            counted = sum(batch.institution == institution for batch in self.batches())
            dropped = self.root / "dropped" / institution
            shutil.rmtree(dropped, ignore_errors=True)
            dropped.mkdir(parents=True)
            with self._lock("tables", exclusive=True):
                for table in (_BATCHES, *(item.name for item in tables())):
                    partitions = self.root / "tables" / table / f"institution={institution}"
                    if partitions.exists():
                        partitions.rename(dropped / table)
                        sync_folder(partitions.parent)
            shutil.rmtree(dropped)
            shutil.rmtree(self.root / "incoming" / institution, ignore_errors=True)
        return counted

    def run(self, statement: Statement, *, parameters: Mapping[str, Parameter]) -> Iterator[tuple[Cell, ...]]:
        """Run over views on the files of the batches that count now; the tables are locked for changes meanwhile."""
        with self._guarded(), self._lock("tables", exclusive=False), closing(self._connect()) as connection:
            self._check_format(make=False)
            self._make_views(connection, statement=statement)
            named = {name: parameters[name] for name in statement.parameters}
            result = connection.execute(statement.duckdb, named or None)
            while rows := result.fetchmany(_FETCH):
                yield from rows

    def close(self) -> None:
        """Do nothing: no connection outlives its call."""

    def _partition(self, table: str, batch: Batch) -> Path:
        return self.root / "tables" / table / f"institution={batch.institution}" / f"batch={batch.digest}"

    def _connect(self) -> duckdb.DuckDBPyConnection:
        return duckdb.connect(
            config={
                # Large sorts may spill: into our own folder, never into the one that the command was started in.
                "temp_directory": str(self.root / "spill"),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )

    def _make_views(self, connection: duckdb.DuckDBPyConnection, *, statement: Statement) -> None:
        counted = sorted((self.root / "tables" / _BATCHES).glob(f"institution=*/batch=*/{_FILE}"))
        partitions = [file.parent.relative_to(self.root / "tables" / _BATCHES) for file in counted]
        for item in needed_by(statement):
            if item.kind == "view":
                connection.execute(item.duckdb)
                continue
            found = [self.root / "tables" / item.name / partition / _FILE for partition in partitions]
            files = [glob.escape(str(file)) for file in found if file.exists()]
            if files:
                names = ", ".join(column.name for column in item.columns)
                shape = f"{names}, CAST(institution AS VARCHAR) AS institution, CAST(batch AS VARCHAR) AS batch"
                connection.read_parquet(files, hive_partitioning=True).project(shape).create_view(item.name)
            else:
                columns = [f"{column.name} {_TYPES[column.type]}" for column in item.columns]
                connection.execute(
                    f"CREATE TABLE {item.name} ({', '.join(columns)}, institution VARCHAR, batch VARCHAR)"
                )

    def _check_format(self, *, make: bool) -> None:
        record = self.root / "format"
        if make and not record.exists():
            replace_file(record, FORMAT + "\n")
        if record.exists() and record.read_text(encoding="utf-8").strip() != FORMAT:
            raise FormatUnknown(
                "The histories folder was written by another version of Strokemap.",
                hint=f"It must say {FORMAT}; use the version that made it, or another folder.",
                where=str(record),
            )

    @contextmanager
    def _lock(self, name: str, *, exclusive: bool) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = self.root / "locks"
        folder.mkdir(exist_ok=True)
        with (folder / name).open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
            yield

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, OSError) as error:
            # The engine's own message can hold a value of a row.
            reason = error.strerror if isinstance(error, OSError) else type(error).__name__
            raise HistoryStoreUnreachable(
                f"The history store can't be read or written ({reason}).",
                hint="Check space, permissions and files of the folder, then try again: nothing is half-done. "
                "Withdraw and acquire again what is damaged.",
                where=str(self.root),
            ) from None


def _write(connection: duckdb.DuckDBPyConnection, table: str, source: Path, folder: Path) -> None:
    columns = {c.name: _TYPES[c.type] for item in tables() if item.name == table for c in item.columns}
    folder.mkdir()
    rows = connection.read_csv(
        glob.escape(str(source)),
        columns=columns,
        header=False,
        auto_detect=False,
        sep=",",
        quotechar='"',
        escapechar='"',
        force_not_null=[name for name, kind in columns.items() if kind == "VARCHAR"],
    )
    # Sorted by patient, a look-up of one reads few row groups.
    ordered = rows.order("patient, source_row") if "patient" in columns else rows
    ordered.write_parquet(str(folder / _FILE))
    with (folder / _FILE).open("rb") as handle:
        os.fsync(handle.fileno())
    sync_folder(folder)


def _put(source: Path, partition: Path) -> None:
    # A partition without its batch is what a killed process left: it never counted.
    shutil.rmtree(partition, ignore_errors=True)
    partition.parent.mkdir(parents=True, exist_ok=True)
    source.rename(partition)
    sync_folder(partition.parent)
    sync_folder(partition.parent.parent)
