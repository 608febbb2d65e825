"""From a refusal to what goes over the wire: google.rpc.Status with its details (AIP-193)."""

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from engine import EngineError

DOMAIN = "kasir"
# Name of the trailer that carries the serialized google.rpc.Status.
DETAILS_KEY = "grpc-status-details-bin"
# Trailers share HTTP/2's header limit (8 KiB by default), and the details hold the message a second time.
MAX_MESSAGE_CHARACTERS = 500
MAX_DETAILS_BYTES = 3_000


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _bounded(details: dict[str, str]) -> dict[str, str]:
    """As many of the facts as fit, in their order; a long one is cut, never dropped for the sake of a later
    one.
    """
    kept: dict[str, str] = {}
    room = MAX_DETAILS_BYTES
    for name, value in details.items():
        room -= len(name.encode())
        if room <= 0:
            break
        encoded = value.encode()
        kept[name] = value if len(encoded) <= room else encoded[:room].decode(errors="ignore")
        room -= len(encoded)
    return kept


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def message_of(error: EngineError) -> str:
    """The words for staff, bounded."""
    return _cut(error.message, MAX_MESSAGE_CHARACTERS)


def status_of(error: EngineError) -> status_pb2.Status:
    """ErrorInfo with reason, domain "kasir" and all details; BadRequest for a named field; RetryInfo for a
    retry time.
    """
    details = [
        _packed(
            error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=_bounded(error.details))
        )
    ]
    message = message_of(error)
    if error.field is not None:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=_cut(error.field, MAX_MESSAGE_CHARACTERS), description=message, reason=error.reason
        )
        details.append(_packed(error_details_pb2.BadRequest(field_violations=[violation])))
    if error.retry_ms is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(error.retry_ms)
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status_pb2.Status(code=error.code, message=message, details=details)
