"""What a backup is made of: a copy of a store, its journal since in segments, and the way back.

All of it works on files, beside a server or without one. Every function raises `EngineError`; a segment's
format is described in engine_rs/store/src/segment.rs.
"""

from typing import TypedDict

from engine._core import (
    audit_journal,
    check_base,
    check_journal,
    merge_journal,
    read_journal,
    store_erasures,
    store_head,
    write_base,
    write_journal,
)

__all__ = [
    "Audit",
    "Base",
    "CheckedSegment",
    "Head",
    "Segment",
    "audit_journal",
    "check_base",
    "check_journal",
    "merge_journal",
    "read_journal",
    "store_erasures",
    "store_head",
    "write_base",
    "write_journal",
]


class _Head(TypedDict):
    # The last record, the oldest that is still there, when the last was decided (unix ms), its hash.
    revision: int
    first_revision: int
    time_ms: int
    hash: bytes


class Head(_Head):
    """Where a journal ends, and the bytes of the file that are given out."""

    used_bytes: int


class Base(_Head):
    """A copy of a store, and its size."""

    bytes: int


class Segment(TypedDict):
    """A part of the journal in a file: its name, how often it was merged, and what it holds."""

    name: str
    merges: int
    first_revision: int
    last_revision: int
    first_ms: int
    last_ms: int
    # The hash before the first record, and that of the last.
    before: bytes
    hash: bytes
    bytes: int


class CheckedSegment(Segment):
    """A segment that was read to its end, and hashes by revision."""

    hashes: dict[int, bytes]


class Audit(_Head):
    """What the way along a journal's chain showed: it is sound up to a revision, and why not further."""

    sound_revision: int
    broken: str | None
    # By revision, of those that were asked for.
    hashes: dict[int, bytes]
