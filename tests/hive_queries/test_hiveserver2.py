"""HiveServer2's protocol: addresses, literals, strange servers, and real ones that freeze, die and come back."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from thrift.Thrift import TException

from hive_queries.dialect import read_statements
from hive_queries.engines import Batch, BatchDigest, Cell, HistoryStore, open_history_store
from hive_queries.engines.address import parse_address
from hive_queries.engines.hive import HiveStore
from hive_queries.engines.hiveserver2 import Connection
from hive_queries.engines.parameters import fill_in, literal
from hive_queries.engines.pool import Pool
from strokemap.errors import (
    HistoryStatementRefused,
    HistoryStatementSlow,
    HistoryStoreRefused,
    HistoryStoreUnreachable,
    HistoryStoreUnsupported,
    QuestionInvalid,
    StrokemapError,
)
from tests.servers.process import GIVEN_UP

if TYPE_CHECKING:
    from tests.servers.hiveserver2 import HiveServer

SECRET = "hunter2/@:"
ON_EACH_SERVER = pytest.mark.parametrize("server", ["hive", "spark"], indirect=True)
PIECES = [
    *(
        "'",
        '"',
        "`",
        "\\",
        "\\\\",
        "\\'",
        "''",
        "\\u0027",
        "\\047",
        "\\n",
        "\n",
        "\r",
        "\r\n",
        "\t",
        "\0",
        "\x1a",
        "\x7f",
    ),
    *(
        "%",
        "%%",
        "%s",
        "%(x)s",
        "_",
        "\\%",
        "\\_",
        "--",
        "-- ",
        "/*",
        "*/",
        "#",
        ";",
        "; DROP TABLE batches",
        ":x",
        ":days",
    ),
    *("${", "${env:PATH}", "${system:user.name}", "${hiveconf:x}", "$", "$$", "}", "{", "NULL", "\\N", "TRUE", "0x41"),
    *(
        "' OR '1'='1",
        "') UNION SELECT 1 --",
        "é",
        "ß",
        "größer",
        "日本語",
        "😀",
        "👩‍⚕️",
        "\u2028",
        "\u2029",
        "\ufeff",
        "\u200b",
    ),
    *("\u0301", "\uffff", "\U0010ffff", " ", "  ", "", "a", "Z9", "\x85", "\xa0", "<b>", "&amp;", "\\x", "\\U0001F600"),
]


def hostile_strings() -> list[str]:
    chance = random.Random(4)
    mixed = ["".join(chance.choices(PIECES, k=chance.randint(2, 6))) for _ in range(240)]
    return [*PIECES, *mixed]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> HiveServer:
    found: HiveServer = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture
def fake(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port of which each caller gets the same bytes, whatever it says, and then the end."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)

        def serve() -> None:
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    caller, _ = listener.accept()
                    with caller:
                        caller.settimeout(0.5)
                        caller.recv(4096)
                        caller.sendall(request.param)
                        caller.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        stop.set()
        thread.join()


def address(port: int, **options: object) -> str:
    more = "".join(f"&{name}={value}" for name, value in options.items())
    return f"hive://somebody:hunter2%2F%40%3A@127.0.0.1:{port}/strokemap?files=/shared{more}"


def assert_quiet(error: StrokemapError) -> None:
    said = f"{error.message} {error.hint} {error.where} {error!r}"
    assert SECRET not in said
    assert "hunter2" not in said
    assert "SELECT" not in said
    assert len(said) < 600
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


def test_address_is_read_with_its_defaults_and_hides_the_password() -> None:
    read = parse_address(address(10001, deadline=9, auth="nosasl", location="hdfs://name/histories/"))
    assert (read.host, read.port, read.user, read.password) == ("127.0.0.1", 10001, "somebody", SECRET)
    assert (read.database, read.sasl, read.files, read.location) == (
        "strokemap", False, Path("/shared"), "hdfs://name/histories",
    )  # fmt: skip
    assert (read.connect, read.read, read.deadline, read.connections) == (4, 60, 9, 4)
    assert "hunter2" not in repr(read)
    plain = parse_address("hive://host?files=/a%20b")
    assert (plain.port, plain.database, plain.sasl, plain.location) == (10000, "default", True, "file:///a b")


@pytest.mark.parametrize(
    "url",
    [
        "hive://",
        "hive:///db?files=/x",
        "hive://u:hunter2@host/db",
        "hive://u:hunter2@host:99999/db?files=/x",
        "hive://u:hunter2@host:port/db?files=/x",
        "hive://u:hunter2@[::1/db?files=/x",
        "hive://u:hunter2@host/Data-base?files=/x",
        "hive://u:hunter2@host/db?files=relative",
        "hive://u:hunter2@host/db?files=/x&files=/y",
        "hive://u:hunter2@host/db?files=/x&password=1",
        "hive://u:hunter2@host/db?files=/x&auth=kerberos",
        "hive://u:hunter2@host/db?files=/x&deadline=0",
        "hive://u:hunter2@host/db?files=/x&read=1.5",
        "hive://u:hunter2%00@host/db?files=/x",
        "hive://u:hunter2@host/db?files=/x#end",
        "hive://u:%ff@host/db?files=/x",
    ],
)
def test_malformed_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(HistoryStoreUnsupported) as refusal:
        open_history_store(url)
    assert_quiet(refusal.value)


def test_values_take_the_place_of_names_outside_of_strings_and_comments_only() -> None:
    (statement,) = read_statements(
        "SELECT ':x' AS a, -- not :x\n COUNT(*) AS n FROM batches WHERE batch = :x AND institution <> :y", where=""
    )
    text = fill_in(statement, {"x": ":y '", "y": "b"})
    assert text == (
        "SELECT ':x' AS a, -- not :x\n COUNT(*) AS n FROM batches"
        " WHERE batch = '\\u003ay \\u0027' AND institution <> 'b'"
    )


@pytest.mark.parametrize("text", hostile_strings())
def test_literal_holds_no_sign_with_a_meaning(text: str) -> None:
    written = literal(text)
    assert written[0] == written[-1] == "'"
    assert not set(written[1:-1]) & set("'\"`%$;-/*{}:#\n\r\0")
    assert written[1:-1].encode().decode("unicode_escape").encode("utf-16", "surrogatepass").decode("utf-16") == text


@pytest.mark.parametrize(
    "value",
    [True, float("nan"), float("inf"), 2**63, -(2**63), "\ud800", datetime(2020, 1, 1, tzinfo=UTC), None, [], b"x"],
)
def test_value_that_engines_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(QuestionInvalid):
        literal(value, name="x")  # type: ignore[arg-type]


FRAMES = [
    b"",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x15\x03\x01\x00\x02\x02\x46",
    b"\x05\xff\xff\xff\xff",
    b"\x05\x00\x00\x00\x00" + b"\x00\x00\x00\x04abcd",
    b"\x05\x00\x00\x00\x00\x00\x00\x00\x28\x80\x01\x00\x02\x00\x00\x00\x0bOpenSession\x00\x00\x00\x00" + b"\xff" * 17,
    b"\x05\x00\x00\x00\x00" + b"\xff\xff\xff\xff",
    *(b"\x05\x00\x00\x00\x00" + struct.pack(">I", 64) + random.Random(seed).randbytes(64) for seed in range(12)),
]  # fmt: skip


@pytest.mark.parametrize("fake", FRAMES, indirect=True, ids=range(len(FRAMES)))
@pytest.mark.parametrize("auth", ["plain", "nosasl"])
def test_foreign_answer_is_our_error_within_the_time_allowed(fake: int, auth: str) -> None:
    begun = time.monotonic()
    with pytest.raises(HistoryStoreUnreachable) as refusal:
        open_history_store(address(fake, auth=auth, connect=1, read=1))
    assert_quiet(refusal.value)
    assert refusal.value.retryable
    assert time.monotonic() - begun < GIVEN_UP


@pytest.mark.parametrize("fake", [b"\x03\x00\x00\x00\x1aError validating the login"], indirect=True)
def test_wrong_password_is_told_from_a_lost_server(fake: int) -> None:
    with pytest.raises(HistoryStoreRefused) as refusal:
        open_history_store(address(fake))
    assert_quiet(refusal.value)
    assert not refusal.value.retryable


def test_closed_port_and_silent_host_are_our_errors() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(HistoryStoreUnreachable):
            open_history_store(address(silent.getsockname()[1], connect=1))
        assert time.monotonic() - begun < GIVEN_UP
        port = silent.getsockname()[1]
    with pytest.raises(HistoryStoreUnreachable) as refusal:
        open_history_store(address(port))
    assert_quiet(refusal.value)


class Made:
    """A connection of a pool that counts."""

    def __init__(self) -> None:
        self.sound, self.closed = True, 0

    def close(self) -> None:
        self.closed += 1


def test_pool_gives_a_sound_connection_to_one_caller_at_a_time() -> None:
    pool = Pool(Made, size=1, wait=0.05)
    with pool.checkout() as first, pytest.raises(HistoryStoreUnreachable), pool.checkout():
        pass
    with pool.checkout() as again:
        assert again is first
        again.sound = False
    assert first.closed == 1
    with pool.checkout() as other:
        assert other is not first
    other.sound = False  # it was lost while nobody used it
    with pool.checkout() as third:
        assert third is not other
        pool.close()
    assert (other.closed, third.closed) == (1, 1)


@pytest.mark.server
@ON_EACH_SERVER
def test_hostile_strings_come_back_as_they_went(server: HiveServer) -> None:
    texts = hostile_strings()
    assert len(texts) >= 250
    connection = Connection(parse_address(server.url()))
    for start in range(0, len(texts), 50):
        part = texts[start : start + 50]
        columns = ", ".join(f"{literal(text)} AS c{number}" for number, text in enumerate(part))
        assert list(connection.rows(f"SELECT {columns}")) == [tuple(part)]
    typed = ", ".join(f"{literal(value)} AS c{number}" for number, value in enumerate((-5, 2**40, 0.1, -1e-300)))
    assert list(connection.rows(f"SELECT {typed}")) == [(-5, 2**40, 0.1, -1e-300)]
    assert list(connection.rows(f"SELECT DATE_FORMAT({literal(date(2024, 2, 29))}, 'yyyy-MM-dd') AS d")) == [
        ("2024-02-29",)
    ]
    connection.close()


@pytest.mark.server
@ON_EACH_SERVER
def test_refusals_are_ours_say_nothing_and_leave_the_connection_in_use(
    server: HiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    connection = Connection(parse_address(server.url()))
    for text in ("SELECT canary FROM nowhere", "SELECT 'canary' FROM WHERE", "SELECT canary FROM canary.x"):
        with pytest.raises(HistoryStatementRefused) as refusal:
            list(connection.rows(text))
        assert_quiet(refusal.value)
        assert "canary" not in refusal.value.message
        assert connection.sound
    assert list(connection.rows("SELECT 1 AS one")) == [(1,)]
    connection.close()
    with pytest.raises(HistoryStoreRefused):
        open_history_store(server.url("no_such_database"))
    assert "canary" not in caplog.text


@pytest.mark.server
@pytest.mark.parametrize("server", ["spark"], indirect=True)
def test_error_that_comes_with_a_later_row_is_ours_and_the_next_statement_is_answered(server: HiveServer) -> None:
    element = "ELEMENT_AT(ARRAY('canary'), CASE WHEN id < 39999 THEN 1 ELSE 0 END)"
    failing = f"SELECT id, {element} AS word FROM RANGE(0, 40000, 1, 2)"
    pool = Pool(lambda: Connection(parse_address(server.url())), size=1, wait=10)
    with pool.checkout() as connection:
        # As a server may be set for large answers (docs/how-to-hive.md).
        list(connection.rows("SET spark.sql.thriftServer.incrementalCollect = true"))
        rows = connection.rows(failing)
        assert next(rows) == (0, "canary"), "rows come before the last is made"
        with pytest.raises(HistoryStatementRefused) as failure:
            list(rows)
        assert connection.sound
    assert_quiet(failure.value)
    assert "canary" not in failure.value.message
    with pool.checkout() as connection:
        assert list(connection.rows("SELECT 1 AS one")) == [(1,)]
    pool.close()


@pytest.fixture
def one_batch(server: HiveServer, tmp_path: Path) -> HiveServer:
    """The server with exactly one batch."""
    store = open_history_store(server.url())
    for institution in {item.institution for item in store.batches()}:
        store.drop(institution)
    landed = tmp_path / "patients.csv"
    landed.write_text("k,p,,F,1950,,,,1,\n")
    batch = Batch(
        institution="north", digest=BatchDigest("a" * 64), extract_format="ist", rows=1, patients=1, acquired_us=1
    )
    store.add(batch, landed={"patients": landed})
    store.close()
    return server


# Some seconds: a task that runs is not stopped by either engine, and the next statement waits for it.
LONG = {
    "hive": "SELECT SUM(a.n * b.n) AS s FROM {0} a CROSS JOIN {0} b".format(
        "(SELECT n FROM (SELECT 1 AS one) o LATERAL VIEW POSEXPLODE(SPLIT(SPACE(2999), ' ')) p AS n, word)"
    ),
    "spark": "SELECT SUM(a.n * b.n + c.n) AS s FROM {0} a CROSS JOIN {0} b CROSS JOIN {1} c".format(
        "(SELECT EXPLODE(SEQUENCE(1, 20000)) AS n)", "(SELECT EXPLODE(SEQUENCE(1, 20)) AS n)"
    ),
}


@pytest.mark.server
@pytest.mark.parametrize(("server", "text"), LONG.items(), indirect=["server"])
def test_deadline_gives_up_a_statement_and_the_next_one_is_answered(one_batch: HiveServer, text: str) -> None:
    connection = Connection(parse_address(one_batch.url(deadline=1)))
    with pytest.raises(HistoryStatementSlow) as refusal:
        list(connection.rows(text))
    assert_quiet(refusal.value)
    assert refusal.value.retryable
    connection.close()
    store = open_history_store(one_batch.url(connections=1))
    assert len(store.batches()) == 1
    store.close()


class Load:
    """Many callers on one store; each asks for its own words again and again, and looks whether they come back."""

    def __init__(self, store: HistoryStore) -> None:
        self.store = store
        self.answers, self.wrong = 0, 0
        self.errors: list[BaseException] = []
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._callers = [threading.Thread(target=self._ask, args=(number,)) for number in range(6)]

    def __enter__(self) -> Load:
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for caller in self._callers:
            caller.join(timeout=60)
        assert not any(caller.is_alive() for caller in self._callers)

    def more(self, *, answers: int = 0, errors: int = 0) -> None:
        """Wait until so many more have come."""
        with self._changed:
            until = (self.answers + answers, len(self.errors) + errors)
            done = self._changed.wait_for(
                lambda: self.answers >= until[0] and len(self.errors) >= until[1], timeout=300
            )
        assert done, (self.answers, self.errors[-3:])

    def _ask(self, caller: int) -> None:
        (statement,) = read_statements("SELECT institution, :x AS x FROM batches", where="")
        number = 0
        while not self._stop.is_set():
            number += 1
            word = f"caller {caller}, question {number}"
            try:
                (row,) = self.store.run(statement, parameters={"x": word})
            except BaseException as error:
                with self._changed:
                    self.errors.append(error)
                    self._changed.notify_all()
                self._stop.wait(0.1)
                continue
            with self._changed:
                self.answers += 1
                self.wrong += row != ("north", word)
                self._changed.notify_all()


@pytest.mark.server
@pytest.mark.slow
@ON_EACH_SERVER
def test_frozen_killed_and_restarted_server_never_gives_an_answer_to_another_question(one_batch: HiveServer) -> None:
    # A new server: what earlier tests left running in it is not the question here.
    one_batch.kill()
    one_batch.start()
    store = open_history_store(one_batch.url(connect=3, read=3, deadline=20, connections=4))
    with Load(store) as load:
        load.more(answers=20)
        with one_batch.frozen():
            begun = time.monotonic()
            with pytest.raises(HistoryStoreUnreachable):
                open_history_store(one_batch.url(connect=4, read=4))
            assert time.monotonic() - begun < GIVEN_UP
            load.more(errors=8)
        load.more(answers=40)
        one_batch.kill()
        load.more(errors=12)
        one_batch.start()
        load.more(answers=40)
    assert load.wrong == 0
    assert {type(error) for error in load.errors} <= {HistoryStoreUnreachable, HistoryStatementSlow}
    assert all(error.retryable for error in load.errors if isinstance(error, StrokemapError))
    assert [item.digest for item in store.batches()] == ["a" * 64]
    store.close()


class LateReply:
    """A way to a server that holds the replies back while ``late`` is set, and delivers them afterwards."""

    def __init__(self, port: int) -> None:
        self.late, self.held = threading.Event(), threading.Event()
        self._go_on = threading.Event()
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> LateReply:
        return self

    def __exit__(self, *_: object) -> None:
        self.deliver()
        self._listener.close()

    def deliver(self) -> None:
        self.late.clear()
        self._go_on.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                threading.Thread(target=self._pass_on, args=(caller, server), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, caller, True), daemon=True).start()

    def _pass_on(self, giver: socket.socket, taker: socket.socket, replies: bool = False) -> None:
        with contextlib.suppress(OSError), giver, taker:
            while data := giver.recv(65536):
                if replies and self.late.is_set():
                    self.held.set()
                    self._go_on.wait()
                taker.sendall(data)


class Careless(Connection):
    """A connection that counts itself sound whatever was lost, and whatever waits to be read."""

    sound = True  # type: ignore[assignment]

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value if name != "_broken" else False)

    @contextlib.contextmanager
    def _guarded(self, end: float) -> Iterator[None]:
        try:
            yield
        except TException:
            raise HistoryStoreUnreachable("An answer was lost.", hint="", where=None) from None


@pytest.mark.server
@pytest.mark.parametrize("server", ["spark"], indirect=True)
@pytest.mark.parametrize("kind", [Connection, Careless])
def test_late_reply_is_never_the_answer_to_the_next_question(one_batch: HiveServer, kind: type[Connection]) -> None:
    """The only connection of a pool; one that is used on after a lost answer fails this, so that the test can fail."""
    own = []
    with LateReply(one_batch.port) as way:
        where = replace(parse_address(one_batch.url(read=5)), port=way.port)
        pool = Pool(lambda: kind(where), size=1, wait=60)
        with pool.checkout() as connection:
            assert list(connection.rows("SELECT 'before' AS word")) == [("before",)]
            way.late.set()
            with pytest.raises(HistoryStoreUnreachable):
                list(connection.rows("SELECT 'lost' AS word"))
        assert way.held.is_set()
        way.deliver()
        for word in ("next", "one after"):
            with contextlib.suppress(Exception), pool.checkout() as connection:
                own.append(list(connection.rows(f"SELECT '{word}' AS word")) == [(word,)])
        pool.close()
    assert (own == [True, True]) is (kind is Connection)


class Lossy(Connection):
    """A connection whose server is lost at the statement of a number, counted over all: before it, or its answer."""

    left, answer_only = 0, False

    def rows(self, text: str) -> Iterator[tuple[Cell, ...]]:
        Lossy.left -= 1
        if Lossy.left == 0:
            if Lossy.answer_only:
                list(super().rows(text))
            raise HistoryStoreUnreachable("The server is gone.", hint="", where=None)
        return super().rows(text)


@pytest.mark.server
@ON_EACH_SERVER
@pytest.mark.parametrize("answer_only", [False, True])
def test_batch_counts_whole_or_not_at_all_wherever_the_server_is_lost(
    one_batch: HiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer_only: bool
) -> None:
    monkeypatch.setattr(Lossy, "answer_only", answer_only)
    where = parse_address(one_batch.url())
    landed = tmp_path / "patients.csv"
    batch = Batch(
        institution="lake", digest=BatchDigest("b" * 64), extract_format="ist", rows=1, patients=1, acquired_us=2
    )
    (latest,) = read_statements("SELECT patient FROM latest_patients WHERE institution = 'lake'", where="")
    sound = open_history_store(one_batch.url())
    lost, counts = 0, False
    for statement in range(1, 30):
        Lossy.left = statement
        store = HiveStore(where, pool=Pool(lambda: Lossy(where), size=1, wait=10), engine="")
        try:
            # It says False where it counts already, as only the last answer was lost.
            assert store.add(batch, landed={"patients": landed}) is not counts
            break
        except HistoryStoreUnreachable:
            lost += 1
            counts = "lake" in [item.institution for item in sound.batches()]
            assert list(sound.run(latest, parameters={})) == [("p",)] * counts
        finally:
            store.close()
    assert counts is answer_only
    # Two questions, then a partition of each of two tables; from the second attempt on, leftovers go first.
    assert lost >= 4
    assert list(sound.run(latest, parameters={})) == [("p",)]
    assert [item.institution for item in sound.batches()] == ["lake", "north"]
    sound.close()
