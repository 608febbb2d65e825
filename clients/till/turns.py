"""Turns that threads and processes of one till take: a lock on a file, which a killed process gives up."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

# Between two looks whether it is this one's turn, seconds
POLL_S = 0.01


@contextmanager
def turn(lock: FileLock, patience_s: float) -> Iterator[bool]:
    """Has the lock within; False where somebody else still had it after so many seconds."""
    try:
        lock.acquire(patience_s, POLL_S)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
