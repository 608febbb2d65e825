"""Kasir's engine for Python programs: open a store, submit commands, ask queries, follow changes."""

from engine._core import __version__
from engine.engine import Changes, Engine, Restored, Snapshot, Status, Verification
from engine.errors import Code, EngineError

__all__ = [
    "Changes",
    "Code",
    "Engine",
    "EngineError",
    "Restored",
    "Snapshot",
    "Status",
    "Verification",
    "__version__",
]
