"""Requests that were sent and not answered yet, on this machine's disk, so that they can be asked again after
a crash.

A request is written here before its first byte goes out and removed when its answer is in. What is found here
later was never answered: the server may have done it or not, and sending the same bytes with the same id
settles that.

One file per request: nothing is shared, so no lock is needed and a torn file harms nobody else. A file is a
line of JSON (which method, which server, who, when, lengths) followed by the request's messages as protobuf
bytes.
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import platformdirs

from kasir.durable import sync_directory, write_durably

FORMAT = 1
STATE_VARIABLE = "KASIR_STATE"
_SUFFIX = ".request"


def state_dir() -> Path:
    """Where this user's clients keep state: KASIR_STATE, or what the system has for it
    (~/.local/state/kasir).
    """
    named = os.environ.get(STATE_VARIABLE)
    return Path(named) if named else platformdirs.user_state_path("kasir", appauthor=False)


@dataclass(frozen=True)
class PendingRequest:
    """A request without an answer. `messages` are the serialized requests: one, or several of a client
    stream.
    """

    request_id: str
    method: str  # "/kasir.v1.BookingService/CreateBooking"
    server: str
    actor: str
    create_time: str  # ISO 8601, UTC
    note: str  # what it was about, for people
    messages: tuple[bytes, ...]


@dataclass(frozen=True)
class Kept:
    """Requests without an answer, oldest first, and why others cannot be read."""

    requests: list[PendingRequest]
    unreadable: list[OSError]


class RequestJournal:
    """The pending requests below one directory. Safe to use from several processes at once."""

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = (directory or state_dir()) / "pending"

    def add(self, request: PendingRequest) -> None:
        """Writes one request durably. Raises OSError: then it must not be sent."""
        # Names and addresses of customers are in there: for this user's eyes only.
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        head = asdict(request) | {
            "format": FORMAT,
            "messages": [len(message) for message in request.messages],
        }
        content = json.dumps(head).encode() + b"\n" + b"".join(request.messages)
        write_durably(self._path(request.request_id), content)
        sync_directory(self.directory)

    def remove(self, request_id: str) -> None:
        """Forgets a request whose answer is known. Not flushed: should it come back, asking again is
        harmless.
        """
        self._path(request_id).unlink(missing_ok=True)

    def has(self, request_id: str) -> bool:
        """Whether it is kept, without an answer."""
        return self._path(request_id).exists()

    def pending(self) -> list[PendingRequest]:
        """All requests without an answer, oldest first. Raises OSError for one that cannot be read."""
        found = self.look()
        if found.unreadable:
            raise found.unreadable[0]
        return found.requests

    def look(self) -> "Kept":
        """The same, with what cannot be read beside what can."""
        requests, unreadable = [], []
        for path in sorted(self.directory.glob(f"*{_SUFFIX}")):
            try:
                requests.append(_parse(path))
            except FileNotFoundError:  # answered in another process meanwhile
                continue
            except OSError as error:
                unreadable.append(error)
        requests.sort(key=lambda request: (request.create_time, request.request_id))
        return Kept(requests, unreadable)

    def _path(self, request_id: str) -> Path:
        return self.directory / f"{request_id}{_SUFFIX}"


def new_pending(
    request_id: str, method: str, server: str, actor: str, note: str, *messages: bytes
) -> PendingRequest:
    """A request about to be sent, stamped with the time."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return PendingRequest(request_id, method, server, actor, now, note, messages)


def _parse(path: Path) -> PendingRequest:
    """One file. Raises OSError naming it when it is not what `add` wrote."""
    line, _, body = path.read_bytes().partition(b"\n")
    try:
        head = json.loads(line)
        lengths = head.pop("messages")
        whole = head.pop("format") == FORMAT and sum(lengths) == len(body)
        ends = [sum(lengths[: count + 1]) for count in range(len(lengths))]
        messages = tuple(body[end - length : end] for end, length in zip(ends, lengths, strict=True))
        request = PendingRequest(messages=messages, **head)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise OSError(f"{path} is no pending request: {error}") from error
    if not whole:
        raise OSError(f"{path} is no pending request: it is cut off or of another version")
    return request
