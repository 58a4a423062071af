"""Questions to a MediaWiki Action API over mwclient's transport, asked again until an answer is whole, or given up.

mwclient builds the address and the call. What it leaves out is here: the pace, a time limit for a whole answer, and
new tries for every fault that passes (its own cover some, wait 30 s between them, and ignore Retry-After).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

import mwclient
import requests
from requests.models import Response
from urllib3.exceptions import HTTPError as TransportError
from urllib3.exceptions import LocationValueError, NewConnectionError

from kg_builder.sources.pace import LONGEST_WAIT, Pace, retry_after
from strokemap import __version__
from strokemap.errors import SourceMalformed, SourceRefused, SourceUnreachable

Answer: TypeAlias = dict[str, Any]
"""One JSON object as the API gives it: read with care, it comes from outside."""

TRIES = 8
FIRST_TRIES = 2
"""For an address that has never answered: it is more likely wrong than busy."""
MAX_LAG = 5
LONGEST_URL = 6000
"""Bytes of a query; servers refuse addresses of over 8 kB, and a POST is never cached."""
LARGEST_ANSWER = 2**27
TIMEOUTS = (5.0, 30.0)
"""Seconds to connect, and between two pieces of an answer."""
FIRST_ANSWER = 10.0
"""Seconds for the first piece of the first answer: an address that never answered may be wrong."""
WHOLE = 120.0
"""Seconds for one whole answer, however steadily it drips."""
_CHUNK = 2**16
_PASSING = {"maxlag", "ratelimited", "readonly"}
_LOG = logging.getLogger(__name__)


class _Fault(Exception):
    """Why one try gave no answer; it may be different next time."""

    def __init__(self, reason: str, *, after: float | None = None, silent: bool = False, garbled: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.after = reason, after
        self.silent = silent
        """No connection, or no answer in time."""
        self.garbled = garbled
        """There was an answer, but not a whole one of MediaWiki's."""


@dataclass(frozen=True, slots=True)
class _Body:
    """A whole answer of status 200, in the shape that mwclient looks at."""

    text: str
    status_code: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class _Session(requests.Session):
    """Goes nowhere but where it was sent."""

    def get_redirect_target(self, resp: Response) -> None:  # noqa: ARG002
        """Follow nothing, and look at no address that a wiki sends readers on to."""
        return


class Wire:
    """One wiki's API. Requests go out one at a time; each new try is one more request."""

    def __init__(self, address: str, *, contact: str, pace: Pace, timeouts: tuple[float, float] = TIMEOUTS) -> None:
        """Take the address of api.php, checked before; nothing is sent yet."""
        parts = urlsplit(address)
        folder, _, script = parts.path.rpartition("/")
        self.address = address
        self._pace, self._timeouts = pace, timeouts
        self.put_off = False
        """Whether the wiki has asked for a longer pause than a crawl waits: it is not to be asked anything more."""
        self._answered = False
        self._after: float | None = None
        self._session = _Session()
        self._session.headers["User-Agent"] = f"Strokemap/{__version__} ({contact}) mwclient/{mwclient.__version__}"
        self._script = script.removesuffix(".php")
        self._site = mwclient.Site(
            parts.netloc,
            path=f"{folder}/",
            scheme=parts.scheme,
            pool=self,
            do_init=False,
            max_retries=0,
        )

    @property
    def requests(self) -> int:
        """How many requests were sent so far at this pace, whatever became of them."""
        return self._pace.requests

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def ask(self, *, most_tries: int = TRIES, **question: str) -> Answer:
        """Give the answer to one query, trying again with growing pauses while the fault may pass.

        Errors: SourceUnreachable (retryable), SourceMalformed, SourceRefused.
        """
        asked = {"action": "query", "format": "json", "formatversion": "2", "maxlag": str(MAX_LAG), **question}
        tries = 0
        while True:
            tries += 1
            try:
                answer = self._try(asked)
            except _Fault as fault:
                _LOG.info("try %d failed: %s", tries, fault.reason)
                self._hold_or_give_up(fault, tries=tries, most=most_tries)
            else:
                self._answered = True
                return answer

    def request(self, method: str, url: str, **options: Any) -> _Body:
        """Send one request for mwclient and give its whole body; everything else is a fault or a refusal."""
        headers = dict(options.pop("headers", None) or {})
        connect, read = self._timeouts
        options["timeout"] = (connect, read if self._answered else min(read, FIRST_ANSWER))
        if method == "POST":
            # Wikimedia's caches then answer it like a GET, in the nearest data centre.
            headers["Promise-Non-Write-API-Action"] = "true"
        try:
            with self._pace.turn():
                sending = self._session.request(method, url, headers=headers, stream=True, **options)
                with sending as response:
                    told = response.headers
                    self._after = retry_after(told.get("Retry-After"), date=told.get("Date"))
                    self._check_status(response)
                    return _Body(_read_whole(response, clock=self._pace.clock))
        except requests.exceptions.SSLError:
            raise _Fault("no secure connection can be made", silent=True) from None
        except requests.exceptions.Timeout:
            raise _Fault("it did not answer in time", silent=True) from None
        except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
            raise _Fault("its answer is cut off or damaged", garbled=True) from None
        except (requests.exceptions.InvalidURL, LocationValueError):
            raise _Fault("its address can't be used", silent=True) from None
        except (requests.RequestException, TransportError) as error:
            raise _Fault("the connection failed", silent=_never_connected(error)) from None

    def _try(self, asked: Mapping[str, str]) -> Answer:
        self._after = None
        method = "GET" if len(urlencode(asked)) <= LONGEST_URL else "POST"
        text = self._site.raw_call(self._script, dict(asked), http_method=method)
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            raise _Fault("its answer is not JSON", garbled=True) from None
        if not isinstance(answer, dict):
            raise _Fault("its answer is no JSON object", garbled=True)
        error = answer.get("error")
        if error is None:
            return answer
        code = str(error.get("code", ""))[:60] if isinstance(error, dict) else ""
        if not code.replace("-", "_").isidentifier():
            code = "unnamed"
        if code in _PASSING or code.startswith("internal_api_error_"):
            raise _Fault(f"it answers “{code}”", after=self._after)
        raise SourceRefused(
            f"The wiki refuses the question: “{code}”.",
            hint="Check that it may be read without logging in.",
            where=self.address,
        )

    def _check_status(self, response: Response) -> None:
        status = response.status_code
        if status == 200:
            return
        if status in (408, 429) or 500 <= status <= 599:
            raise _Fault(f"it answers with status {status}", after=self._after)
        if 300 <= status <= 399:
            target = _without_secrets(response.headers.get("Location", ""))
            message = f"The wiki sends readers on to {target or 'nowhere'}."
            hint = "Give the address that it leads to."
        else:
            message = f"The wiki refuses requests to this address: status {status}."
            hint = "Check the address, and that it may be read without logging in; 403 may also mean the contact."
        raise SourceRefused(message, hint=hint, where=self.address)

    def _hold_or_give_up(self, fault: _Fault, *, tries: int, most: int) -> None:
        allowed = most if self._answered or not fault.silent else FIRST_TRIES
        wait = self._pace.wait_after(tries) if fault.after is None else max(fault.after, self._pace.wait_after(1))
        if tries < allowed and wait <= LONGEST_WAIT:
            self._pace.hold(wait)
            return
        self.put_off = wait > LONGEST_WAIT
        said = f"{fault.reason} ({tries} {'try' if tries == 1 else 'tries'})"
        if fault.garbled:
            raise SourceMalformed(
                f"The wiki can't be read: {said}.",
                hint="Check that this is the address of a MediaWiki's api.php; try again later if it is.",
                where=self.address,
            )
        when = f"in {wait:.0f} s, as it asks" if self.put_off else "later"
        raise SourceUnreachable(
            f"The wiki can't be reached: {said}.",
            hint=f"Check the address and the network, then go on with --resume {when}: what was read is kept.",
            where=self.address,
        )


def _read_whole(response: Response, *, clock: Callable[[], float]) -> str:
    """Read a body within the limits of size and time. Cut bodies and bad gzip raise what requests raises."""
    body = bytearray()
    begun = clock()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise _Fault("its answer is larger than MediaWiki gives", garbled=True)
        if clock() - begun > WHOLE:
            raise _Fault("its answer takes too long", silent=True)
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise _Fault("its answer is not UTF-8", garbled=True) from None


def _without_secrets(address: str) -> str:
    """Give an address without user, password and question, cut to a bearable length; "" where it makes no sense."""
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"[:200] if parts.hostname else ""


def _never_connected(error: Exception) -> bool:
    """Tell refused connections and unknown hosts from connections that broke."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError)
