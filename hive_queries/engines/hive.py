"""The history store on a Hive warehouse: our Parquet files in a shared folder, external tables over them.

The files are written by us, whole, before the engine hears of them; the partition of ``batches`` is added last, and a
batch counts from then on. Every file has a folder of its own that is never used again, as engines remember listings.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hive_queries.engines.address import Address, parse_address
from hive_queries.engines.base import Batch, BatchDigest, Cell, Parameter, rows_to_batches
from hive_queries.engines.duckdb import write_parquet
from hive_queries.engines.folder import BATCHES, check_format, locked, make_fresh, put
from hive_queries.engines.hiveserver2 import Connection
from hive_queries.engines.parameters import fill_in, text_literal
from hive_queries.engines.pool import Pool
from hive_queries.statement import Statement, read_shipped, tables
from strokemap.errors import HistoryStoreUnreachable

FORMAT = "strokemap-histories-hive-2"


class HiveStore:
    """A HistoryStore on Apache Hive or a Spark Thrift Server; may be shared between threads."""

    def __init__(self, address: Address, *, pool: Pool[Connection], engine: str) -> None:
        self._address = address
        self._engine = engine
        self._pool = pool
        self._root = address.files
        self._prepared = False

    @classmethod
    def open(cls, url: str) -> HiveStore:
        """Open the store of a ``hive://…`` and log in. Errors: see ``open_history_store``."""
        address = parse_address(url)
        pool = Pool(lambda: Connection(address), size=address.connections, wait=address.deadline)
        with pool.checkout() as connection:
            return cls(address, pool=pool, engine=connection.engine())

    def add(self, batch: Batch, *, landed: Mapping[str, Path]) -> bool:
        """Write the Parquet files apart, put them in place, and add their partitions, that of ``batches`` last."""
        with self._folder(make=True), locked(self._root, f"institution-{batch.institution}", exclusive=True):
            self._prepare()
            if self._partitions(batch.institution, digest=batch.digest):
                return False
            # Nobody else holds this lock.
            incoming = make_fresh(self._root / "incoming" / batch.institution)
            written = write_parquet(batch, landed=landed, folder=incoming, spill=self._root / "spill")
            attempt = secrets.token_hex(8)
            with locked(self._root, "tables", exclusive=True):
                self._drop_partitions(batch.institution, digest=batch.digest)
                for table in written:
                    # An earlier attempt's files, whose partitions are gone.
                    shutil.rmtree(self._files(table, batch.institution) / f"batch={batch.digest}", ignore_errors=True)
                    put(incoming / table, self._files(table, batch.institution) / f"batch={batch.digest}" / attempt)
                for table in written:
                    self._add_partition(table, batch, attempt=attempt)
            shutil.rmtree(incoming)
        return True

    def batches(self) -> tuple[Batch, ...]:
        """Read the partitions of ``batches``."""
        (statement,) = read_shipped("batches.hql")
        return rows_to_batches(self.run(statement, parameters={}))

    def drop(self, institution: str, *, batch: BatchDigest | None = None) -> int:
        """Drop the partitions, those of ``batches`` first, then delete their files."""
        with self._folder(make=True), locked(self._root, f"institution-{institution}", exclusive=True):
            self._prepare()
            counted = self._partitions(institution, digest=batch)
            with locked(self._root, "tables", exclusive=True):
                self._drop_partitions(institution, digest=batch)
                for table in (BATCHES, *(item.name for item in tables())):
                    files = self._files(table, institution)
                    shutil.rmtree(files / f"batch={batch}" if batch else files, ignore_errors=True)
            shutil.rmtree(self._root / "incoming" / institution, ignore_errors=True)
        return counted

    def run(self, statement: Statement, *, parameters: Mapping[str, Parameter]) -> Iterator[tuple[Cell, ...]]:
        """Run on the engine; a value stands in the statement as a literal that it can't leave."""
        text = fill_in(statement, parameters)
        with self._folder(make=False):
            self._prepare()
            with locked(self._root, "tables", exclusive=False), self._pool.checkout() as connection:
                yield from connection.rows(text)

    @property
    def finds_changed(self) -> bool:
        """Not on Spark: 4.3 plans that statement for minutes, however few the rows are."""
        return "spark" not in self._engine.lower()

    def close(self) -> None:
        """Log out."""
        self._pool.close()

    def _prepare(self) -> None:
        """Make tables and views where they are missing or another version's."""
        if self._prepared:
            return
        shipped = read_shipped("tables.hql")
        # The last thing made is a view whose name tells of which texts the others are.
        digest = hashlib.sha256("\n".join(item.hiveql for item in shipped).encode()).hexdigest()[:12]
        marker = f"strokemap_made_{digest}"
        if not self._ask(f"SHOW TABLES LIKE '{marker}'"):
            with locked(self._root, "tables", exclusive=True):
                for item in shipped:
                    self._ask(self._creation(item))
                self._ask(f"CREATE OR REPLACE VIEW {marker} AS SELECT institution FROM {BATCHES}")  # noqa: S608
        self._prepared = True

    def _creation(self, item: Statement) -> str:
        if item.kind == "view":
            return item.hiveql.replace("CREATE VIEW IF NOT EXISTS", "CREATE OR REPLACE VIEW", 1)
        (self._root / "tables" / item.name).mkdir(parents=True, exist_ok=True)
        return f"{item.hiveql}\nLOCATION {text_literal(f'{self._address.location}/tables/{item.name}')}"

    def _partitions(self, institution: str, *, digest: str | None = None) -> int:
        return len(self._ask(f"SHOW PARTITIONS {BATCHES} PARTITION ({_spec(institution, digest)})"))

    def _add_partition(self, table: str, batch: Batch, *, attempt: str) -> None:
        folder = self._files(table, batch.institution) / f"batch={batch.digest}" / attempt
        location = f"{self._address.location}/{folder.relative_to(self._root)}"
        spec = _spec(batch.institution, batch.digest)
        self._ask(f"ALTER TABLE {table} ADD IF NOT EXISTS PARTITION ({spec}) LOCATION {text_literal(location)}")

    def _drop_partitions(self, institution: str, *, digest: str | None = None) -> None:
        for table in (BATCHES, *(item.name for item in tables() if item.name != BATCHES)):
            files = self._files(table, institution)
            # Files come before their partition and go after it: without them there is nothing to drop.
            if (files / f"batch={digest}" if digest else files).exists():
                self._ask(f"ALTER TABLE {table} DROP IF EXISTS PARTITION ({_spec(institution, digest)})")

    def _files(self, table: str, institution: str) -> Path:
        return self._root / "tables" / table / f"institution={institution}"

    def _ask(self, text: str) -> list[tuple[Cell, ...]]:
        with self._pool.checkout() as connection:
            return list(connection.rows(text))

    @contextmanager
    def _folder(self, *, make: bool) -> Iterator[None]:
        try:
            check_format(self._root, FORMAT, make=make)
            yield
        except OSError as error:
            raise HistoryStoreUnreachable(
                f"The folder shared with the history store can't be read or written ({error.strerror}).",
                hint="It must be there on this machine and on the engine's, writable here and readable there.",
                where=str(self._root),
            ) from None


def _spec(institution: str, digest: str | None) -> str:
    batch = f", batch={text_literal(digest)}" if digest else ""
    return f"institution={text_literal(institution)}{batch}"
