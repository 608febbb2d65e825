"""The HTTP line to a carrier: one request, and what came back of it.

urllib3 is the client: it is what requests stands on, has no dependencies, keeps connections for several
threads, and repeats or redirects nothing when told so. Nothing of a request is ever put into words: it names
customers and may carry keys.
"""

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3

from clients.common.connection import is_local
from clients.common.output import clean
from clients.common.problems import BadInput
from clients.couriers.carrier import Refused, Unclear
from clients.couriers.settings import CarrierSettings

# An answer is a few hundred bytes, one with many services some tens of thousands.
MAX_ANSWER_BYTES = 256 * 2**10
# A label is a page.
MAX_LABEL_BYTES = 8 * 2**20
_READ_BYTES = 16 * 2**10
MAX_WORDS_CHARS = 150
# A carrier that asks to be left alone for longer is asked again all the same.
MAX_RETRY_AFTER_S = 300.0
# Statuses that say no for good.
REFUSALS = frozenset({400, 413, 415, 422})
# Statuses with which surely nothing was done: who asks is not known, the place is not there, come back later.
NOTHING_DONE = frozenset({401, 403, 404, 405, 429})
_NO_CONNECTION = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.LocationValueError,
)
# Where carriers put the reason.
_WORDS_KEYS = ("message", "error", "reason")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that came in whole."""

    status: int
    content: bytes
    retry_after_s: float = 0.0
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that it is; empty for what is none."""
        try:
            body = json.loads(self.content)
        except (ValueError, RecursionError):
            return {}
        return body if isinstance(body, dict) else {}

    @property
    def is_good(self) -> bool:
        """Whether its status says that it was done."""
        return self.status in {200, 201}

    def words(self) -> str:
        """Its status and reason, for people."""
        body = self.body
        places = [body, body.get("meta")]
        said = next(
            (
                place[key]
                for place in places
                if isinstance(place, dict)
                for key in _WORDS_KEYS
                if isinstance(place.get(key), str) and place[key].strip()
            ),
            "no reason given",
        )
        return self.said(said)

    def said(self, words: str) -> str:
        """Its status with the carrier's words, as long as a report takes, without keys that they repeat."""
        return f"{self.status}: {_told(words, self.secrets)}"

    def not_done(self) -> Refused | Unclear:
        """It does not say that it was done: it says no for good, or nothing for sure."""
        return Refused(self.words()) if self.status in REFUSALS else self.unclear()

    def unclear(self) -> Unclear:
        """It says nothing for sure."""
        return Unclear(self.words(), self.retry_after_s, self.status in NOTHING_DONE)


def _told(words: str, secrets: tuple[str, ...]) -> str:
    """A carrier's words, as long as a report takes, without keys that they repeat."""
    for secret in secrets:
        words = words.replace(secret, "…")
    return " ".join(clean(words).split())[:MAX_WORDS_CHARS]


class Line:
    """Requests to one address. For use by several threads at once."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        secrets: tuple[str, ...] = (),
        timeout_s: float = 10.0,
        connections: int = 8,
    ) -> None:
        """`url`: plain http only to this machine. `headers` go with every request; `secrets` are what must
        not be told. `timeout_s`: for a whole answer, from the request on. Raises BadInput.
        """
        if not all(value.isascii() and value.isprintable() for value in (headers or {}).values()):
            raise BadInput("A key has letters of ASCII only: no other goes over the line.")
        self._url = checked_url(url)
        self._timeout_s = timeout_s
        self._headers = {"Accept": "application/json", **(headers or {})}
        self._secrets = tuple(secret for secret in secrets if secret)
        self._pool = urllib3.PoolManager(
            maxsize=connections, block=True, retries=False, timeout=urllib3.Timeout(total=timeout_s)
        )

    def close(self) -> None:
        """Closes the connections that are kept."""
        self._pool.clear()

    def odd(self, words: str) -> Unclear:
        """An answer with something in it that cannot be: what was asked for was a look, and did nothing."""
        return Unclear(_told(words, self._secrets), nothing_done=True)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> Reply | Unclear:
        """One request: `body` goes as JSON, `form` as a form. Never repeated."""
        headers, data = self._headers, None
        if body is not None:
            headers, data = headers | {"Content-Type": "application/json"}, json.dumps(body).encode()
        elif form is not None:
            headers = headers | {"Content-Type": "application/x-www-form-urlencoded"}
            data = urlencode(form).encode()
        url = self._url + path + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        deadline = time.monotonic() + self._timeout_s
        try:
            response = self._pool.request(
                method, url, body=data, headers=headers, redirect=False, preload_content=False
            )
            try:
                content = _read(response, deadline, max_bytes)
            except urllib3.exceptions.HTTPError:
                # What is left of this answer must not be taken for the next one.
                response.close()
                raise
            finally:
                response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            # What never reached the carrier did nothing there.
            never_sent = isinstance(error, _NO_CONNECTION) or _is_distrust(error)
            return Unclear(_words_of(error), nothing_done=never_sent)
        return Reply(response.status, content, _retry_after(response.headers), self._secrets)


def line_to(
    settings: CarrierSettings,
    url: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    secrets: tuple[str, ...] = (),
) -> Line:
    """The line to a carrier as its settings have it; `url`: where it usually listens. Raises BadInput."""
    return Line(
        settings.url or url,
        headers=headers,
        secrets=secrets,
        timeout_s=settings.timeout_s,
        connections=settings.connections,
    )


def _read(response: urllib3.BaseHTTPResponse, deadline: float, max_bytes: int) -> bytes:
    """The answer's body. Raises urllib3's errors, among them for one that is too long or comes too slowly."""
    content = b""
    while piece := response.read1(_READ_BYTES):
        content += piece
        if len(content) > max_bytes:
            raise urllib3.exceptions.HTTPError("the answer is too long")
        if time.monotonic() > deadline:
            raise urllib3.exceptions.TimeoutError
    return content


def _retry_after(headers: Mapping[str, str]) -> float:
    seconds = headers.get("Retry-After", "")
    # The other way to write it, a date, is not worth its parser: then the usual pause is made.
    return min(float(seconds), MAX_RETRY_AFTER_S) if seconds.isascii() and seconds.isdigit() else 0.0


def _is_distrust(error: urllib3.exceptions.HTTPError) -> bool:
    """Whether the certificate was not trusted: that is found out before a byte of the request leaves."""
    return isinstance(error, urllib3.exceptions.SSLError) and any(
        isinstance(cause, ssl.SSLCertVerificationError) for cause in error.args
    )


def _words_of(error: urllib3.exceptions.HTTPError) -> str:
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "no connection to the courier"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "no answer in time"
    if _is_distrust(error):
        return "the courier's certificate is not trusted"
    return "the answer was cut off"


def checked_url(url: str) -> str:
    """An address without what does not belong there. Raises BadInput."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError as error:
        raise BadInput(f"'{url}' is no address of a courier: {error}.") from error
    if parts.username or parts.password:
        raise BadInput("A key does not belong into an address: put it into a file.")
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise BadInput(f"'{url}' is no address of a courier: write https://HOST.")
    if parts.scheme == "http" and not is_local(f"{host}:{port or 80}"):
        raise BadInput(f"'{url}' would send customers' addresses unencrypted: write https://.")
    return url.rstrip("/")
