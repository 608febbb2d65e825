"""The one exception of the engine: what was refused or failed, for machines and for people."""

from enum import IntEnum


class Code(IntEnum):
    """gRPC status codes (https://grpc.io/docs/guides/status-codes/), so that nothing below the transport
    needs grpcio.
    """

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class EngineError(Exception):
    """A command or query that was refused, or an engine that cannot answer.

    `code` is the gRPC status, `reason` the name in the catalogue of refusals (docs/refusals.md) that programs
    compare, `message` one or two sentences for staff, `details` facts by name, e.g. {"item_id": "7",
    "available": "0"}. Two names have a meaning of their own: "field" is the path of the field that is wrong,
    "retry_ms" how many milliseconds to wait before trying again.
    """

    def __init__(self, code: int, reason: str, message: str, details: dict[str, str] | None = None) -> None:
        super().__init__(code, reason, message, details)
        self.code = Code(code)
        self.reason = reason
        self.message = message
        self.details: dict[str, str] = {} if details is None else details

    @property
    def field(self) -> str | None:
        """Path of the field that is wrong, like "booking.lines[0].quantity"."""
        return self.details.get("field")

    @property
    def retry_ms(self) -> int | None:
        """Milliseconds after which the same call may succeed."""
        text = self.details.get("retry_ms")
        return None if text is None else int(text)

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"
