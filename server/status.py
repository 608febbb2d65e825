"""From a refusal to what goes over the wire: google.rpc.Status with its details (AIP-193).

The engine's own refusals go there without Python; both are written by the same code.
"""

from engine import EngineError
from engine.rpc import refusal
from server.rpc import Abort


def abort_of(error: EngineError) -> Abort:
    """ErrorInfo with reason, domain "kasir" and all details; BadRequest for a named field; RetryInfo for a
    retry time.
    """
    message, details = refusal(error.code, error.reason, error.message, list(error.details.items()))
    return Abort(error.code, message, details=details, reason=error.reason)
