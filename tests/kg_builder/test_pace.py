"""How fast a wiki is asked: all by a clock of the tests, nothing waits."""

from __future__ import annotations

import pytest

from kg_builder.sources.pace import FIRST_WAIT, LONGEST_WAIT, Pace, retry_after


class Time:
    """A clock that only moves when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def pace(time: Time) -> Pace:
    return Pace.towards("en.wikipedia.org", clock=time, sleep=time.sleep)


def test_first_request_goes_out_at_once(pace: Pace, time: Time) -> None:
    with pace.turn():
        pass
    assert time.slept == []
    assert pace.requests == 1


@pytest.mark.parametrize(("host", "minutely"), [("en.wikipedia.org", 200), ("127.0.0.1", 240)])
def test_never_more_than_four_requests_in_a_second_or_two_hundred_in_a_minute(
    time: Time, host: str, minutely: int
) -> None:
    pace, starts = Pace.towards(host, clock=time, sleep=time.sleep), []
    for _ in range(500):
        with pace.turn():
            starts.append(time.now)
            time.work(0.01)
    for span, most in ((1.0, 4), (60.0, minutely)):
        assert all(later - earlier >= span for earlier, later in zip(starts, starts[most:], strict=False))


def test_answer_that_took_longer_than_the_gap_costs_no_wait(pace: Pace, time: Time) -> None:
    for _ in range(3):
        with pace.turn():
            time.work(0.5)
    assert time.slept == []


def test_slow_answer_is_followed_by_a_rest(pace: Pace, time: Time) -> None:
    with pace.turn():
        time.work(1.1)
    with pace.turn():
        pass
    assert time.slept == [pytest.approx(5.0)]


def test_request_that_fails_counts_and_paces_like_any_other(pace: Pace, time: Time) -> None:
    def fail() -> None:
        with pace.turn():
            time.work(2)
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        fail()
    with pace.turn():
        pass
    assert time.slept == [pytest.approx(5.0)]
    assert pace.requests == 2


def test_hold_is_kept_and_never_shortened(pace: Pace, time: Time) -> None:
    pace.hold(30)
    pace.hold(2)
    with pace.turn():
        pass
    assert time.slept == [pytest.approx(30)]


def test_waits_double_and_are_bounded(pace: Pace) -> None:
    waits = [pace.wait_after(tries) for tries in range(1, 40)]
    assert waits[:4] == [FIRST_WAIT, 2, 4, 8]
    assert max(waits) == LONGEST_WAIT / 2


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_only_the_own_machine_is_asked_without_rests(host: str, time: Time) -> None:
    assert Pace.towards(host, clock=time, sleep=time.sleep).rest == 0


@pytest.mark.parametrize("host", ["en.wikipedia.org", "localhost.example", "10.0.0.1", "127.0.0.1.example", "::2", ""])
def test_other_hosts_get_full_manners(host: str, time: Time) -> None:
    assert Pace.towards(host, clock=time, sleep=time.sleep) == Pace(clock=time, sleep=time.sleep)


MORNING = "Mon, 23 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("5", 5),
        (" 0 ", 0),
        ("Mon, 23 Nov 2026 10:01:30 GMT", 90),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("+5", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 400, None),
        ("Mon, 99 Nov 2026 10:01:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_moment(value: str | None, expected: float | None) -> None:
    assert retry_after(value, date=MORNING) == expected


def test_moment_without_the_answers_own_date_says_nothing() -> None:
    assert retry_after(MORNING, date=None) is None
