"""A Neo4j server, one statement a transaction, each with a deadline. The only file that imports the driver.

A server that is frozen keeps its connections open and never answers; the driver alone would wait for it. So the driver
runs on an event loop in a thread of its own, where a deadline cancels the call and cuts the connection: no late commit.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import Any, LiteralString, TypeVar

from neo4j import READ_ACCESS, WRITE_ACCESS, AsyncGraphDatabase, Query
from neo4j.exceptions import (
    ConfigurationError,
    DatabaseUnavailable,
    DriverError,
    ForbiddenOnReadOnlyDatabase,
    Neo4jError,
    TransientError,
)

from kg_builder.stores.neo4j_address import Neo4jAddress
from strokemap.errors import (
    MapError,
    MapStoreDatabaseUnknown,
    MapStoreFailed,
    MapStoreRefused,
    MapStoreUnreachable,
    MapStoreUnsupported,
)
from strokemap.hosts import look_up

_T = TypeVar("_T")
Rows = list[list[Any]]

CONNECT_SECONDS = 3.0
WAIT_SECONDS = 3.5
"""How long one statement may take where a person waits."""
CLOSE_SECONDS = 1.0
TRIES = 6
"""How often a statement is sent that the server itself took back: a deadlock, a moment of too little memory."""
_IN_DOUBT = " If this was a change, look whether it was kept before you try again."
_GONE = {"Neo.ClientError.Transaction.TransactionTimedOut", "Neo.ClientError.Transaction.TransactionTerminated"}


class _Loop(asyncio.SelectorEventLoop):
    """Gives up a look-up of a host when the call is given up."""

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        return await asyncio.wrap_future(look_up(host, port, family, type, proto, flags))


class Neo4jServer:
    """One server and database. Any thread may ask. Errors: MapStoreUnreachable and the others of ``_translate``."""

    def __init__(self, address: Neo4jAddress) -> None:
        self._address = address
        try:
            self._driver = AsyncGraphDatabase.driver(
                address.uri,
                auth=(address.user, address.password) if address.user else None,
                connection_timeout=CONNECT_SECONDS,
                connection_acquisition_timeout=WAIT_SECONDS,
                liveness_check_timeout=1.0,
                max_connection_pool_size=16,
                user_agent="strokemap",
                notifications_min_severity="OFF",
            )
        except (ConfigurationError, ValueError):
            raise MapStoreUnsupported(
                "The map store's address can't be used.", hint="See docs/how-to-neo4j.md.", where=address.uri
            ) from None
        # The driver warns of what we report ourselves, and may name the user: not on a person's terminal.
        logging.getLogger("neo4j").setLevel(logging.CRITICAL)
        self._loop = _Loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="map store", daemon=True)
        self._thread.start()

    def ask(
        self, text: LiteralString, *, within: float = WAIT_SECONDS, change: bool = False, **parameters: object
    ) -> Rows:
        """Run one statement in a transaction of its own and give its rows; a change is durable on return."""
        return self._wait(self._ask(text, parameters, within=within, change=change))

    def close(self) -> None:
        """Close the connections and end the thread."""
        if not self._thread.is_alive():
            return
        self._wait(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        finally:
            future.cancel()  # does nothing unless the wait was interrupted, as by Ctrl-C

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._driver.close()
        except (TimeoutError, DriverError, OSError):
            return  # a server that is away needs no farewell

    async def _ask(self, text: LiteralString, parameters: dict[str, object], *, within: float, change: bool) -> Rows:
        try:
            async with asyncio.timeout(within):
                for attempt in range(1, TRIES + 1):
                    try:
                        return await self._send(text, parameters, within=within, change=change)
                    except TransientError as error:
                        # The server says that nothing of it was kept, so sending it again is safe.
                        if attempt == TRIES or isinstance(error, ForbiddenOnReadOnlyDatabase):
                            raise
                        await asyncio.sleep(0.02 * 2**attempt)
                raise AssertionError
        except (Neo4jError, DriverError, OSError, CancelledError) as error:
            raise self._translate(error) from None

    async def _send(self, text: LiteralString, parameters: dict[str, object], *, within: float, change: bool) -> Rows:
        mode = WRITE_ACCESS if change else READ_ACCESS
        async with self._driver.session(database=self._address.database, default_access_mode=mode) as session:
            # The server gives up by itself, too: it must not go on with what nobody waits for.
            result = await session.run(Query(text, timeout=within), parameters)
            return await result.values()

    def _translate(self, error: BaseException) -> MapError:
        """Say it in our words. The server's own are left out, for they may repeat values; so are the driver's."""
        where = self._address.uri
        code = (error.code or "") if isinstance(error, Neo4jError) else ""
        if code.startswith("Neo.ClientError.Security."):
            hint = "Check user, password and rights; after several wrong passwords Neo4j refuses for some seconds."
            return MapStoreRefused("The map store refuses this user.", hint=hint, where=where)
        if code == "Neo.ClientError.Database.DatabaseNotFound":
            return MapStoreDatabaseUnknown(
                f"The map store has no database “{self._address.database}”.",
                hint="Neo4j Community has one database, neo4j: leave the name out of the setting map_store.",
                where=where,
            )
        if isinstance(error, ConfigurationError):
            return MapStoreUnsupported(
                "What answers there is no Neo4j that this version can use.", hint="Use Neo4j 5.7 or later.", where=where
            )
        passing = isinstance(error, TransientError) and not isinstance(error, ForbiddenOnReadOnlyDatabase)
        if isinstance(error, Neo4jError) and not passing and code not in _GONE:
            return MapStoreFailed(
                f"The map store could not do it: {code}.",
                hint="Look into the server's log and at the room and rights of its disk, then try again.",
                where=where,
            )
        if isinstance(error, TimeoutError) or code in _GONE:
            message = "The map store does not answer in time."
        elif isinstance(error, DatabaseUnavailable) or not passing:
            message = "The map store can't be reached."
        else:
            message = f"The map store is too busy: {code}."
        return MapStoreUnreachable(message, hint=self._hint(), where=where)

    def _hint(self) -> str:
        if self._address.encrypted:
            tls = "+s in the address is for a server with TLS, +ssc for one whose certificate nobody else has signed."
        else:
            tls = "A server that wants TLS needs +s in the address."
        return f"Check that the server runs and that the setting map_store names it. {tls}{_IN_DOUBT}"
