"""The embedded history store: Parquet files in ``institution=X/batch=D`` folders, read by DuckDB.

The layout is Hive's own, so that a Hive or Spark beside it can read the same folder. One table is one folder, one batch
one file in it; a batch counts from the rename that puts its partition of ``batches`` in place, which is the last.
"""

from __future__ import annotations

import csv
import errno
import glob
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from hive_queries.engines.base import Batch, BatchDigest, Cell, Parameter, rows_to_batches
from hive_queries.engines.folder import BATCHES, PART, check_format, locked, make_fresh, put
from hive_queries.statement import Statement, needed_by, read_shipped, tables
from strokemap.errors import HistoryStatementRefused, HistoryStoreDamaged, HistoryStoreUnreachable
from strokemap.home import sync_folder

FORMAT = "strokemap-histories-2"
_TYPES = {"string": "VARCHAR", "bigint": "BIGINT", "double": "DOUBLE", "date": "DATE"}
_FETCH = 1000
_REFUSALS = (duckdb.DataError, duckdb.BinderException, duckdb.CatalogException)


@dataclass(frozen=True, slots=True)
class DuckDBStore:
    """A HistoryStore in one folder. Each call opens DuckDB anew in memory: nothing is held between calls."""

    root: Path

    def add(self, batch: Batch, *, landed: Mapping[str, Path]) -> bool:
        """Write the Parquet files apart, then rename them into place, the partition of ``batches`` last."""
        with self._guarded(), self._lock(f"institution-{batch.institution}", exclusive=True):
            check_format(self.root, FORMAT, make=True)
            if self._partition(BATCHES, batch).exists():
                return False
            # Nobody else holds this lock.
            incoming = make_fresh(self.root / "incoming" / batch.institution)
            written = write_parquet(batch, landed=landed, folder=incoming, spill=self.root / "spill")
            with self._lock("tables", exclusive=True):
                for table in written:
                    put(incoming / table, self._partition(table, batch))
            shutil.rmtree(incoming)
        return True

    def batches(self) -> tuple[Batch, ...]:
        """Read the partitions of ``batches``."""
        (statement,) = read_shipped("batches.hql")
        return rows_to_batches(self.run(statement, parameters={}))

    def drop(self, institution: str, *, batch: BatchDigest | None = None) -> int:
        """Move the partitions out of the tables, those of ``batches`` first, then delete them."""
        with self._guarded(), self._lock(f"institution-{institution}", exclusive=True):
            named = f"institution={institution}" + (f"/batch={batch}" if batch else "")
            counted = len(list((self.root / "tables" / BATCHES).glob(named if batch else f"{named}/batch=*")))
            dropped = make_fresh(self.root / "dropped" / institution)
            with self._lock("tables", exclusive=True):
                for table in (BATCHES, *(item.name for item in tables())):
                    partitions = self.root / "tables" / table / named
                    if partitions.exists():
                        partitions.rename(dropped / table)
                        sync_folder(partitions.parent)
            shutil.rmtree(dropped)
            shutil.rmtree(self.root / "incoming" / institution, ignore_errors=True)
        return counted

    def run(self, statement: Statement, *, parameters: Mapping[str, Parameter]) -> Iterator[tuple[Cell, ...]]:
        """Run over views on the files of the batches that count now; the tables are locked for changes meanwhile."""
        with (
            self._guarded(),
            self._lock("tables", exclusive=False),
            closing(_connect(self.root / "spill")) as connection,
        ):
            check_format(self.root, FORMAT, make=False)
            try:
                self._make_views(connection, statement=statement)
                named = {name: parameters[name] for name in statement.parameters}
                result = connection.execute(statement.duckdb, named or None)
                while rows := result.fetchmany(_FETCH):
                    yield from rows
            except duckdb.Error:
                self._check_files(connection)
                raise

    @property
    def finds_changed(self) -> bool:
        """It does."""
        return True

    def close(self) -> None:
        """Do nothing: no connection outlives its call."""

    def _partition(self, table: str, batch: Batch) -> Path:
        return self.root / "tables" / table / f"institution={batch.institution}" / f"batch={batch.digest}"

    def _make_views(self, connection: duckdb.DuckDBPyConnection, *, statement: Statement) -> None:
        counted = sorted((self.root / "tables" / BATCHES).glob(f"institution=*/batch=*/{PART}"))
        partitions = [file.parent.relative_to(self.root / "tables" / BATCHES) for file in counted]
        for item in needed_by(statement):
            if item.kind == "view":
                connection.execute(item.duckdb)
                continue
            found = [self.root / "tables" / item.name / partition / PART for partition in partitions]
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

    def _check_files(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Read all files, one by one. Errors: HistoryStoreDamaged, which names whose can't be read."""
        damaged = set()
        for file in sorted((self.root / "tables").glob(f"*/institution=*/batch=*/{PART}")):
            try:
                # Every byte has to be looked at for this: the file's statistics alone don't tell it.
                connection.read_parquet(glob.escape(str(file))).aggregate("bit_xor(hash(COLUMNS(*)))").fetchall()
            except duckdb.Error:
                institution, batch = (part.name.partition("=")[2] for part in (file.parents[1], file.parent))
                damaged.add(f"{institution}, batch {batch[:12]}")
        if damaged:
            raise HistoryStoreDamaged(
                "The history store has files that can't be read.",
                hint="Restore them, or withdraw the institution and acquire it again; the others' files are whole.",
                where="; ".join(sorted(damaged)),
            ) from None

    @contextmanager
    def _lock(self, name: str, *, exclusive: bool) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(self.root, name, exclusive=exclusive):
            yield

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except _REFUSALS as error:
            raise HistoryStatementRefused(
                f"The engine refused a statement ({type(error).__name__}).",
                hint="A column is missing, or a value is not what the statement takes it for.",
                where=str(self.root),
            ) from None
        except (duckdb.Error, OSError) as error:
            # The engine's own message can hold a value of a row.
            reason = error.strerror if isinstance(error, OSError) else type(error).__name__
            raise HistoryStoreUnreachable(
                f"The history store can't be read or written ({reason}).",
                hint="Check space and permissions of the folder, then try again: nothing is half-done.",
                where=str(self.root),
            ) from None


def write_parquet(batch: Batch, *, landed: Mapping[str, Path], folder: Path, spill: Path) -> tuple[str, ...]:
    """Write what landed of a batch and its row of ``batches`` as ``folder/<table>/part-0.parquet``; durable on return.

    Gives the tables in the order in which they may be put in place. Raises OSError.
    """
    record = folder / "batches.csv"
    with record.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerow((batch.extract_format, batch.rows, batch.patients, batch.acquired_us))
    sources = {**landed, BATCHES: record}
    try:
        with closing(_connect(spill)) as connection:
            for table, source in sources.items():
                _write(connection, table, source, folder / table)
    except duckdb.Error as error:
        # As other trouble with a disk, for stores that know nothing of DuckDB; its message can hold a value of a row.
        raise OSError(errno.EIO, type(error).__name__) from None
    return tuple(sources)


def _connect(spill: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(
        config={
            # Large sorts may spill: into our own folder, never into the one that the command was started in.
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )


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
    ordered.write_parquet(str(folder / PART))
    with (folder / PART).open("rb") as handle:
        os.fsync(handle.fileno())
    sync_folder(folder)
