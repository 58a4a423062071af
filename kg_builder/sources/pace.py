"""How fast a wiki may be asked, and how long to wait after a fault. Pure but for the clock and the sleep it is given.

The limits are those of Wikimedia's robot policy and API etiquette: one request at a time, fewer than 5 a second and
200 a minute, 5 s of rest after an answer that took over 1 s, Retry-After obeyed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime

GAP = 0.34
"""Seconds from the start of one request to the start of the next: 2.9 a second, 176 a minute."""
GAP_HERE = 0.26
"""The same on this machine itself: never more than four in a second."""
SLOW = 1.0
"""Seconds; a slower answer shows that the wiki is busy."""
REST = 5.0
FIRST_WAIT = 1.0
LONGEST_WAIT = 120.0
"""Who asks for a longer pause than this is taken at their word: the crawl ends, and is resumed later."""


@dataclass(slots=True, kw_only=True)
class Pace:
    """Lets requests through one after another, none too early. Times are in seconds."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    gap: float = GAP
    rest: float = REST
    """After a slow answer."""
    first_wait: float = FIRST_WAIT
    """Before the first new try; doubled each time."""
    requests: int = field(default=0, init=False)
    """How many were let through."""
    _free_at: float = field(default=float("-inf"), init=False)

    @classmethod
    def towards(cls, host: str, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> Pace:
        """Give the pace for a host: only this machine itself may be asked a little faster."""
        fast = {"gap": GAP_HERE, "rest": 0.0, "first_wait": 0.05} if _is_loopback(host) else {}
        return cls(clock=clock, sleep=sleep, **fast)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until a request may start; the time until it ends decides when the next one may."""
        if (wait := self._free_at - self.clock()) > 0:
            self.sleep(wait)
        self.requests += 1
        begun = self.clock()
        try:
            yield
        finally:
            ended = self.clock()
            self._free_at = begun + self.gap
            if ended - begun > SLOW:
                self.hold(self.rest)

    def hold(self, seconds: float) -> None:
        """Let no request start for so long."""
        self._free_at = max(self._free_at, self.clock() + seconds)

    def wait_after(self, tries: int) -> float:
        """Give the seconds to wait after so many tries in a row failed: doubled each time, bounded."""
        return min(self.first_wait * 2.0 ** (tries - 1), LONGEST_WAIT / 2)


def retry_after(value: str | None, *, date: str | None) -> float | None:
    """Read a Retry-After header: seconds, or a moment, held against the answer's own Date header.

    None where there is none or it makes no sense.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        moment, told = (parsedate_to_datetime(one or "").replace(tzinfo=UTC) for one in (text, date))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return max(0.0, (moment - told).total_seconds())


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
