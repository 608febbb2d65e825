"""Asking again what was sent and never answered: each with its own id, so that nothing is done twice."""

from collections.abc import Iterable
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from clients.common.client import Client
from clients.common.journal import PendingRequest
from clients.common.problems import BadInput, CallFailed


@dataclass(frozen=True)
class Answered:
    """What came of asking again; `failed` is None where it is done."""

    request: PendingRequest
    failed: CallFailed | BadInput | None


def ask_again(client: Client, requests: Iterable[PendingRequest]) -> list[Answered]:
    """Asks one after the other; one that fails keeps no other from being asked."""
    return [Answered(each, _why_not(client, each)) for each in requests]


def _why_not(client: Client, request: PendingRequest) -> CallFailed | BadInput | None:
    try:
        client.resend(request)
    except CallFailed as failed:
        return failed
    except (KeyError, DecodeError):
        return BadInput("This version of kasir does not know the command.")
    return None
