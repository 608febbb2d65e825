"""A courier's HTTP interface: one question or one order at a time, each answered by what is then known.

    POST {url}/v1/orders  {"reference", "service", "address": {…}, "weight_grams"}
        and, when it is to collect something, {"cash_on_delivery": {"currency_code", "minor_units"}}
        200, 201 {"reference", "airway_bill"}; 400, 413, 415, 422 it will never take this parcel
    GET {url}/v1/orders?reference=R
        200 {"reference", "airway_bill"}; 404 {"code": "REFERENCE_UNKNOWN"} there is no such order

Everything else (no connection, no answer in time, 429, 5xx, a body that is none of these) leaves open what
happened, and is `Unclear`. Nothing is ever repeated in here: whoever asks decides that, see
clients.courier_agent.

urllib3 is the client: it is what requests stands on, has no dependencies, keeps connections for several
threads, and repeats or redirects nothing when told so.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3

from clients.common.connection import is_local
from clients.common.problems import BadInput
from kasir.v1.common_pb2 import Address, Money
from kasir.v1.shipping_pb2 import Parcel

# An order's answer is a few hundred bytes.
MAX_ANSWER_BYTES = 64 * 2**10
_READ_BYTES = 4 * 2**10
# The contract's bound of an airway bill.
MAX_AIRWAY_BILL_CHARS = 50
MAX_WORDS_CHARS = 150
# A courier that asks to be left alone for longer is asked again all the same.
MAX_RETRY_AFTER_S = 300.0

_REFUSALS = frozenset({400, 413, 415, 422})
_ADDRESS_FIELDS = tuple(field.name for field in Address.DESCRIPTOR.fields)


@dataclass(frozen=True, slots=True)
class Assigned:
    """The courier has the order."""

    airway_bill: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The courier will never take this parcel as it is."""

    words: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The courier says that it has no order of this reference."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nothing is known: the request may have been carried out or not."""

    words: str
    retry_after_s: float = 0.0
    """How long the courier asks to be left alone."""


class CourierApi:
    """One courier. For use by several threads at once."""

    def __init__(self, url: str, *, token: str = "", timeout_s: float = 10.0, connections: int = 8) -> None:
        """`url`: e.g. "https://api.courier.example"; plain http only to this machine. Raises BadInput.

        `token`: sent as a bearer token. `timeout_s`: for a whole answer, from the request on. `connections`:
        open at most.
        """
        self._url = _checked_url(url)
        self._timeout_s = timeout_s
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._pool = urllib3.PoolManager(
            maxsize=connections,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(total=timeout_s),
        )

    def close(self) -> None:
        """Closes the connections that are kept."""
        self._pool.clear()

    def find(self, reference: str) -> Assigned | Absent | Unclear:
        """Asks whether there is an order of this reference."""
        answer = self._ask("GET", f"/v1/orders?reference={quote(reference, safe='')}")
        if isinstance(answer, Unclear):
            return answer
        if answer.status == 200:
            return _assigned(answer, reference)
        if answer.status == 404 and answer.body.get("code") == "REFERENCE_UNKNOWN":
            return Absent()
        # A 404 without these words may come from a proxy, or from a wrong address: it denies nothing.
        return answer.unclear()

    def create(self, parcel: Parcel, at_the_door: Money | None = None) -> Assigned | Refused | Unclear:
        """Orders the parcel's way to its address, under its reference; `at_the_door` is collected there."""
        order: dict[str, Any] = {
            "reference": parcel.courier_reference,
            "service": parcel.courier_service,
            "address": {name: getattr(parcel.address, name) for name in _ADDRESS_FIELDS},
            "weight_grams": parcel.weight_grams,
        }
        if at_the_door is not None:
            order["cash_on_delivery"] = {
                "currency_code": at_the_door.currency_code,
                "minor_units": at_the_door.minor_units,
            }
        answer = self._ask("POST", "/v1/orders", json.dumps(order).encode())
        if isinstance(answer, Unclear):
            return answer
        if answer.status in {200, 201}:
            return _assigned(answer, parcel.courier_reference)
        if answer.status in _REFUSALS or answer.body.get("code") == "REFERENCE_REUSED":
            return Refused(answer.words())
        return answer.unclear()

    def _ask(self, method: str, path: str, data: bytes | None = None) -> "_Answer | Unclear":
        headers = self._headers | ({"Content-Type": "application/json"} if data else {})
        deadline = time.monotonic() + self._timeout_s
        try:
            response = self._pool.request(
                method, self._url + path, body=data, headers=headers, redirect=False, preload_content=False
            )
            try:
                content = _read(response, deadline)
            except urllib3.exceptions.HTTPError:
                # What is left of this answer must not be taken for the next one.
                response.close()
                raise
            finally:
                response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            return Unclear(_words_of(error))
        return _Answer(response.status, _body(content), _retry_after(response.headers))


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: dict[str, Any]
    retry_after_s: float

    def words(self) -> str:
        message = self.body.get("message")
        said = message if isinstance(message, str) and message.strip() else "no reason given"
        return f"{self.status}: {' '.join(said.split())[:MAX_WORDS_CHARS]}"

    def unclear(self) -> Unclear:
        return Unclear(self.words(), self.retry_after_s)


def _assigned(answer: _Answer, reference: str) -> Assigned | Unclear:
    """The number, when the answer is about this reference and its number can be one."""
    number, about = answer.body.get("airway_bill"), answer.body.get("reference")
    if about != reference:
        return Unclear("the answer is not about this reference")
    if (
        not isinstance(number, str)
        or not 0 < len(number) <= MAX_AIRWAY_BILL_CHARS
        or not number.isprintable()
    ):
        return Unclear("the answer has no airway bill number")
    return Assigned(number)


def _read(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """The answer's body. Raises urllib3's errors, among them for one that is too long or comes too slowly."""
    content = b""
    while piece := response.read1(_READ_BYTES):
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            raise urllib3.exceptions.HTTPError("the answer is too long")
        if time.monotonic() > deadline:
            raise urllib3.exceptions.TimeoutError
    return content


def _body(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after(headers: Mapping[str, str]) -> float:
    seconds = headers.get("Retry-After", "")
    # The other way to write it, a date, is not worth its parser: then the usual pause is made.
    return min(float(seconds), MAX_RETRY_AFTER_S) if seconds.isascii() and seconds.isdigit() else 0.0


def _words_of(error: urllib3.exceptions.HTTPError) -> str:
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "no connection to the courier"
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return "no answer in time"
    if isinstance(error, urllib3.exceptions.SSLError):
        return "the courier's certificate is not trusted"
    return "the answer was cut off"


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise BadInput(f"'{url}' is no address of a courier: {error}.") from error
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or parts.username:
        raise BadInput(f"'{url}' is no address of a courier: write https://HOST.")
    if parts.scheme == "http" and not is_local(f"{host}:{port or 80}"):
        raise BadInput(f"'{url}' would send customers' addresses unencrypted: write https://.")
    return url.rstrip("/")
