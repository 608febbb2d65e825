"""Whether a webhook is genuine, and what it says."""

import hmac
import json
from hashlib import sha256
from typing import Any

from clients.couriers.carrier import MAX_ORDER_ID_CHARS, NotGenuine

# The header under which a carrier is told the word that stood in the address posted to.
WORD = "x-kasir-word"


def sign(secret: str, body: bytes) -> str:
    """HMAC-SHA256 of a body, in hex."""
    return hmac.new(secret.encode(), body, sha256).hexdigest()


def check_hmac(secret: str, body: bytes, signature: str) -> None:
    """Raises NotGenuine for a signature that is not the body's."""
    check_same(sign(secret, body) if secret else "", signature)


def check_same(expected: str, given: str) -> None:
    """Compares in constant time. Raises NotGenuine, whatever is given while no secret is set."""
    if not expected:
        raise NotGenuine("secrets.webhook is not set")
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise NotGenuine("the signature is not right")


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is. Raises NotGenuine."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotGenuine("the body is not JSON") from error
    if not isinstance(told, dict):
        raise NotGenuine("the body is no object")
    return told


def text_of(told: dict[str, Any], key: str) -> str:
    """A text of a webhook; empty for what is none. Raises NotGenuine for one that no carrier gives."""
    value = told.get(key)
    if not isinstance(value, str):
        return ""
    if len(value) > MAX_ORDER_ID_CHARS or not value.isprintable():
        raise NotGenuine(f"{key} cannot be read")
    return value
