"""One connection to a HiveServer2 (Apache Hive, Spark Thrift Server), and the only file that knows PyHive and Thrift.

Thrift's Python checks no sequence number: after a lost answer the next question would read the old one's. So whatever
goes wrong in any other way than a refusal by the engine makes the connection unsound, and it is never used again.
"""

from __future__ import annotations

import logging
import re
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import thrift_sasl
from pyhive import hive
from pyhive.exc import Error as PyHiveError
from TCLIService.ttypes import TGetInfoReq, TGetInfoType, TOperationState
from thrift.Thrift import TException
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TBufferedTransport, TTransportBase

from hive_queries.engines.address import Address
from hive_queries.engines.base import Cell
from strokemap.errors import (
    HistoryError,
    HistoryStatementRefused,
    HistoryStatementSlow,
    HistoryStoreRefused,
    HistoryStoreUnreachable,
)
from strokemap.hosts import look_up

SESSION = {
    # Each engine reads its own names and leaves the others alone.
    "hive.server2.long.polling.timeout": "100ms",
    "hive.variable.substitute": "false",
    "hive.compute.query.using.stats": "false",
    "hive.fetch.task.aggr": "false",
    "spark.sql.variable.substitute": "false",
    "spark.sql.ansi.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
}
"""What every session sets, so that a statement means what it means on the other engines."""

# All that PyHive, Thrift and SASL were seen to raise on a cut, late, frozen or foreign answer.
_STRANGE = (
    *(PyHiveError, TException, OSError, EOFError, ValueError, AssertionError, AttributeError, TypeError),
    *(LookupError, struct.error, RuntimeError, ArithmeticError, MemoryError),
)
_BUSY = {TOperationState.INITIALIZED_STATE, TOperationState.PENDING_STATE, TOperationState.RUNNING_STATE}
_FETCH = 10_000
_CANCEL = 2.0
_TELLS_LATER = 10
"""Times to ask again what a statement failed of."""
_STATE = re.compile(r"SQLSTATE: ([0-9A-Z]{5})")
_REFUSED_STATES = ("42", "0A", "22", "21")
_LOGIN = ("Error validating the login", "Bad status", "Bad SASL")


class Connection:
    """A session on the server; of one caller at a time."""

    def __init__(self, address: Address) -> None:
        """Connect and log in. Errors: HistoryStoreUnreachable, HistoryStoreRefused."""
        # PyHive writes whole statements to its log, values included; Thrift its requests.
        logging.getLogger("pyhive").setLevel(logging.WARNING)
        logging.getLogger("pyhive.hive").setLevel(logging.WARNING)
        logging.getLogger("thrift").setLevel(logging.CRITICAL)
        self._address = address
        self._broken = False
        self._socket = _Socket(address.host, address.port)
        self._socket.setTimeout(address.connect * 1000)
        try:
            self._session = hive.connect(
                thrift_transport=self._transport(),
                username=address.user,
                database=address.database,
                configuration={
                    **{f"set:hiveconf:{name}": value for name, value in SESSION.items()},
                    # The engine gives up, too, when this process is gone.
                    "set:hiveconf:hive.query.timeout.seconds": f"{address.deadline}s",
                    "set:hiveconf:spark.sql.thriftServer.queryTimeout": f"{address.deadline}s",
                },
            )
        except _STRANGE as error:
            self._socket.close()
            raise self._no_session(error) from None

    @property
    def sound(self) -> bool:
        """Whether nothing was lost and nothing waits to be read: an idle server says nothing, unless it hangs up."""
        handle = self._socket.handle
        if self._broken or handle is None:
            return False
        try:
            return not select.select([handle], [], [], 0)[0]
        except (OSError, ValueError):
            return False

    def engine(self) -> str:
        """Give the name that the server gives itself: Apache Hive or Spark SQL."""
        asked = TGetInfoReq(sessionHandle=self._session.sessionHandle, infoType=TGetInfoType.CLI_DBMS_NAME)
        with self._guarded(time.monotonic() + self._address.read):
            told = self._session.client.GetInfo(asked)
        return str(told.infoValue.stringValue if told.infoValue else "")

    def rows(self, text: str) -> Iterator[tuple[Cell, ...]]:
        """Run a statement and give its rows, none for one that has none.

        Errors: HistoryStatementRefused, HistoryStatementSlow, HistoryStoreUnreachable.
        """
        end = time.monotonic() + self._address.deadline
        whole = False
        cursor = self._session.cursor(arraysize=_FETCH)
        try:
            with self._guarded(end):
                self._limit(end)
                cursor.execute(text, async_=True)
                self._await(cursor, end)
                while cursor.description is not None:
                    self._limit(end)
                    rows = cursor.fetchmany(_FETCH)
                    if not rows:
                        break
                    yield from rows
            whole = True
        finally:
            self._end(cursor, seconds=self._address.read if whole else _CANCEL)

    def close(self) -> None:
        """End the session, or only hang up where the connection is not sound."""
        if self.sound:
            self._broken = True
            self._socket.setTimeout(_CANCEL * 1000)
            with suppress(*_STRANGE):
                self._session.close()
        self._socket.close()

    def _transport(self) -> TTransportBase:
        if not self._address.sasl:
            return TBufferedTransport(self._socket)
        address = self._address
        return _Login(
            lambda: hive.get_pure_sasl_client(
                host=address.host, sasl_auth="PLAIN", username=address.user, password=address.password
            ),
            "PLAIN",
            self._socket,
            logged_in=lambda: self._socket.setTimeout(address.read * 1000),
        )

    def _end(self, cursor: hive.Cursor, *, seconds: float) -> None:
        """Close the statement, which stops it where it still runs; without an answer the connection is lost, too."""
        if not self._broken:
            self._broken = True
            self._socket.setTimeout(seconds * 1000)
            with suppress(*_STRANGE):
                cursor.close()
                self._broken = False

    def _await(self, cursor: hive.Cursor, end: float) -> None:
        while True:
            self._limit(end)
            # The server answers when the state changes, or after its long-polling time.
            answer = cursor.poll(get_progress_update=False)
            if answer.operationState not in _BUSY:
                break
            if time.monotonic() >= end:
                raise self._slow()
        for _ in range(_TELLS_LATER):
            if answer.operationState != TOperationState.ERROR_STATE or answer.sqlState or answer.errorCode:
                break
            # Spark says that it failed a moment before it says of what.
            time.sleep(0.1)
            answer = cursor.poll(get_progress_update=False)
        if answer.operationState == TOperationState.TIMEDOUT_STATE:
            raise self._slow()
        if answer.operationState != TOperationState.FINISHED_STATE:
            raise self._failed(answer.sqlState or "", answer.errorCode or 0)

    def _limit(self, end: float) -> None:
        """Wait for the next answer little longer than the statement may last: a late one is told from a lost one."""
        left = end - time.monotonic()
        if left <= 0:
            raise self._slow()
        self._socket.setTimeout(min(left + _CANCEL, self._address.read) * 1000)

    @contextmanager
    def _guarded(self, end: float) -> Iterator[None]:
        try:
            yield
        except HistoryError:
            raise
        except PyHiveError as error:
            status = getattr(error.args[0], "status", None) if error.args else None
            state, code = getattr(status, "sqlState", None) or "", getattr(status, "errorCode", None) or 0
            # Of what goes wrong with a later row Spark tells the state in its message alone.
            told = _STATE.search(getattr(status, "errorMessage", None) or "")
            state = state or (told[1] if told else "")
            failure = self._failed(state, code)
            self._broken = self._broken or not isinstance(failure, HistoryStatementRefused)
            raise failure from None
        except _STRANGE as error:
            self._broken = True
            self._socket.close()
            late = time.monotonic() >= end
            raise (self._slow() if late else self._unreachable(type(error).__name__)) from None

    def _failed(self, state: str, code: int) -> HistoryError:
        # The engine's own message can hold values, and a stack trace of ten thousand characters.
        if state.startswith(_REFUSED_STATES) or 10_000 <= code < 20_000:
            return HistoryStatementRefused(
                f"The engine refused a statement (state {state or 'unknown'}, error {code}).",
                hint="Check that the user may read and change the database's tables; its log has the statement.",
                where=self._address.where,
            )
        return self._unreachable(f"state {state or 'unknown'}, error {code}")

    def _slow(self) -> HistoryStatementSlow:
        return HistoryStatementSlow(
            f"The engine had no answer within {self._address.deadline} seconds; the statement was given up.",
            hint="Try again when the engine is less busy, or give it more time with deadline=….",
            where=self._address.where,
        )

    def _unreachable(self, reason: str) -> HistoryStoreUnreachable:
        return HistoryStoreUnreachable(
            f"The history store was lost in the middle of a statement ({reason}).",
            hint="See whether the server runs, then try again: nothing is half-done.",
            where=self._address.where,
        )

    def _no_session(self, error: BaseException) -> HistoryError:
        if isinstance(error, PyHiveError):
            return HistoryStoreRefused(
                "The history store takes the login but not the session: no such database, or no right to it.",
                hint="Make the database, and let the user read and change it.",
                where=self._address.where,
            )
        if any(sign in str(error) for sign in _LOGIN):
            return HistoryStoreRefused(
                "The history store refuses the login.",
                hint="Check user and password in the setting history_store; auth=nosasl for a server without SASL.",
                where=self._address.where,
            )
        return HistoryStoreUnreachable(
            f"The history store does not answer as a HiveServer2 ({type(error).__name__}).",
            hint="Check host, port and auth of the setting history_store, and whether the server runs.",
            where=self._address.where,
        )


class _Socket(TSocket):  # type: ignore[misc]
    """Looks its host up within its time limit, of which the connection has what is left."""

    def _resolveAddr(self) -> list[Any]:  # noqa: N802
        begun = time.monotonic()
        found = look_up(self.host, self.port, 0, socket.SOCK_STREAM).result(self._timeout)
        self.setTimeout(max(0.1, self._timeout - (time.monotonic() - begun)) * 1000)
        return found


class _Login(thrift_sasl.TSaslClientTransport):  # type: ignore[misc]
    """SASL with one limit for the login and another for what follows: a new session may take the server longer."""

    def __init__(
        self, client: Callable[[], object], mechanism: str, trans: TSocket, *, logged_in: Callable[[], None]
    ) -> None:
        super().__init__(client, mechanism, trans)
        self._logged_in = logged_in

    def open(self) -> None:
        """Log in."""
        super().open()
        self._logged_in()
