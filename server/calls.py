"""What a call is to a handler: no transport in sight.

A transport looks a method up in a `Registry`, makes a `Call`, and hands over bytes. Handlers answer with
bytes or raise `EngineError`; anything else they raise is a bug and becomes INTERNAL.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from google.protobuf.message import DecodeError, Message

from engine import Code, EngineError
from kasir.v1.hardware_pb2 import Device

# What one message of a client may hold. Statements come in pieces and have a bound of their own.
MAX_REQUEST_BYTES = 4 * 1024 * 1024


def _everything(_method: str, _request: bytes | None) -> bool:
    return True


class Call(NamedTuple):
    """One call: the full method name ("/kasir.v1.BookingService/CreateBooking") and who makes it; with access
    control also at which device and by which token (its SHA-256), and from where.
    """

    method: str
    actor: str
    device: str = ""
    token: bytes | None = None
    peer: str = ""
    # Whether nothing says where the caller may work
    everywhere: bool = True
    # Whether the caller may call another method too; with this request, where one is given
    allows: Callable[[str, bytes | None], bool] = _everything
    # By which certificate (its SHA-256) a device calls for itself
    certificate: bytes | None = None

    @property
    def host(self) -> str:
        """From which machine."""
        return self.peer.rpartition(":")[0]


class Frame(NamedTuple):
    """One message of a stream, and the revision after which a cut-off reader resumes (0: it starts again)."""

    data: bytes
    revision: int


Unary = Callable[[Call, bytes], Awaitable[bytes]]
ServerStream = Callable[[Call, bytes], AsyncGenerator[Frame, None]]
ClientStream = Callable[[Call, AsyncIterator[bytes]], Awaitable[bytes]]


@dataclass
class Registry:
    """Every method the server answers, by full name and kind. `native` are those that the engine answers
    itself.
    """

    native: frozenset[str] = frozenset()
    unary: dict[str, Unary] = field(default_factory=dict)
    server_streams: dict[str, ServerStream] = field(default_factory=dict)
    client_streams: dict[str, ClientStream] = field(default_factory=dict)
    # How the devices are that agents tell of; from any thread
    devices: Callable[[], list[Device]] = list

    @property
    def methods(self) -> frozenset[str]:
        """All full names."""
        return self.native.union(self.unary, self.server_streams, self.client_streams)

    @property
    def services(self) -> list[str]:
        """Names of the services that have a method here, e.g. "kasir.v1.BookingService", sorted."""
        return sorted({method.split("/")[1] for method in self.methods})


M = TypeVar("M", bound=Message)


def parse(message: type[M], data: bytes) -> M:
    """Reads a message, or refuses with MESSAGE_MALFORMED."""
    try:
        return message.FromString(data)
    except DecodeError as error:
        raise EngineError(
            Code.INVALID_ARGUMENT,
            "MESSAGE_MALFORMED",
            f"The request is not a {message.DESCRIPTOR.full_name}.",
        ) from error


def check_size(request: bytes, limit: int) -> None:
    """Refuses a message that is larger than its method takes. All are held to MAX_REQUEST_BYTES."""
    if len(request) > limit:
        raise EngineError(
            Code.RESOURCE_EXHAUSTED,
            "MESSAGE_TOO_LARGE",
            f"The message has {len(request):,} bytes; at most {limit:,} are taken. Send less in one call.",
            {"bytes": str(len(request)), "limit": str(limit)},
        )


def field_error(reason: str, name: str, message: str) -> EngineError:
    """A refusal that names the field that is wrong."""
    return EngineError(Code.INVALID_ARGUMENT, reason, message, {"field": name})
