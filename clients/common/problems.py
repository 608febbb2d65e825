"""The two ways in which a command ends badly, both told in one sentence and never as a traceback."""

from dataclasses import dataclass, field
from typing import TypeVar, cast

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from clients.common.bad_input import BadInput, Word

__all__ = ["BadInput", "CallFailed", "Word", "from_rpc_error"]

M = TypeVar("M", ErrorInfo, BadRequest, RetryInfo)

STATUS_DETAILS_KEY = "grpc-status-details-bin"

# The server may not have seen the request, or may have applied it without our hearing so: only asking again
# with the same request id tells.
UNSETTLED = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.DATA_LOSS,
    }
)


# The server did not even look at the request: whoever asks is not let in as things stand.
AT_THE_DOOR = frozenset(
    {"ACTOR_MISMATCH", "DEVICE_UNKNOWN", "LOCATION_DENIED", "ROLE_MISSING", "SESSION_REQUIRED"}
)


@dataclass(eq=False)
class CallFailed(Exception):  # noqa: N818 (a refusal is an outcome)
    """The server refused, or did not answer.

    `reason` is from the refusal catalogue ("OUT_OF_STOCK"), empty when the transport failed before a refusal;
    `details` are its machine-readable facts; `field` is the path of the field that was wrong, when one was;
    `retry_s` is the time the server asked to wait, in seconds.
    """

    code: grpc.StatusCode
    reason: str
    message: str
    details: dict[str, str] = field(default_factory=dict)
    field: str = ""
    retry_s: float | None = None
    method: str = ""
    # Whether the request is kept on this machine, to be asked again
    kept: bool = False
    # Whether the same request was asked before, and nobody knows what became of it
    asked_before: bool = False

    def __str__(self) -> str:
        return f"{self.reason or self.code.name}: {self.message}"

    @property
    def settled(self) -> bool:
        """Whether the server surely did nothing: then the request need not be asked about again."""
        if self.asked_before and self.reason in AT_THE_DOOR:
            # This time it was not looked at; the time before it may have been.
            return False
        if self.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            # With a waiting time the server takes it later; without one it is too large and always will be.
            return self.retry_s is None
        return self.code not in UNSETTLED

    @property
    def was_done(self) -> bool:
        """Whether the server carried the request out before, and has lost what it answered."""
        return self.reason == "REPLY_LOST"

    @property
    def retriable(self) -> bool:
        """Whether the same request, with the same id, may succeed in a moment."""
        if self.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self.retry_s is not None
        return self.code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


def _unpack(status: Status, into: CallFailed) -> None:
    """Copies what google.rpc says about a refusal; what cannot be read is left out."""
    for packed in status.details:
        kind = packed.TypeName()
        if kind == ErrorInfo.DESCRIPTOR.full_name:
            info = _read(packed, ErrorInfo())
            into.reason = info.reason
            into.details = dict(info.metadata)
        elif kind == BadRequest.DESCRIPTOR.full_name:
            violations = _read(packed, BadRequest()).field_violations
            into.field = violations[0].field if violations else ""
        elif kind == RetryInfo.DESCRIPTOR.full_name:
            into.retry_s = max(0.0, _read(packed, RetryInfo()).retry_delay.ToTimedelta().total_seconds())


def _read(packed: AnyMessage, target: M) -> M:
    packed.Unpack(target)
    return target


def from_rpc_error(error: grpc.RpcError, method: str) -> CallFailed:
    """Reads a failed call's status, its google.rpc details included, into one exception."""
    call = cast("grpc.Call", error)  # what gRPC raises is both, which its types cannot say
    failed = CallFailed(call.code(), "", call.details() or "", method=method)
    for key, value in call.trailing_metadata() or ():
        if key == STATUS_DETAILS_KEY and isinstance(value, bytes):
            try:
                _unpack(Status.FromString(value), failed)
            except DecodeError:  # a proxy's own idea of details; code and message still stand
                break
    failed.field = failed.field or failed.details.get("field", "")
    return failed
