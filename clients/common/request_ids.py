"""Request ids: what makes a request that is sent twice have one effect."""

import os
import time
import uuid

from google.protobuf.message import Message

# Of ids that follow from what is said, so that a repeat after a crash finds the same one.
_DERIVED = uuid.UUID("6f2a1d5e-0c53-5b0e-9c57-6b1f6b2f7f10")


def new_request_id() -> str:
    """A fresh UUIDv7 (RFC 9562, 5.7): 48 bits of unix time in milliseconds, then 74 random bits.

    Ascending ids keep the server's table of remembered requests appending at its end instead of writing all
    over it. Python has `uuid.uuid7` from 3.14 on; a compiled package for these five lines would be one more
    thing to keep.
    """
    milliseconds = time.time_ns() // 1_000_000
    bits = int.from_bytes(os.urandom(10)) & ((1 << 74) - 1)
    random_a, random_b = bits >> 62, bits & ((1 << 62) - 1)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b))


def derived_request_id(request: Message) -> str:
    """The id that follows from everything `request` says (UUIDv5 over its bytes, its own request_id left
    out).

    For agents that say each thing once, e.g. that a print job was printed: they need no journal, since after
    a crash they come to the same words and so to the same id, and other words never share it.
    """
    said = type(request)()
    said.CopyFrom(request)
    said.ClearField("request_id")
    name = said.DESCRIPTOR.full_name.encode() + b"\0" + said.SerializeToString(deterministic=True)
    return str(uuid.uuid5(_DERIVED, name.hex()))
