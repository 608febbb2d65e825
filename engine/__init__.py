"""Kasir's engine for Python programs: open a store, submit commands, ask queries, follow changes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine._core import __version__
from engine.errors import Code, EngineError

if TYPE_CHECKING:
    from engine.engine import Changes, Engine, Restored, Snapshot, Status, Verification

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


def __getattr__(name: str) -> Any:
    # Only when somebody asks: asyncio takes long to import, and commands on files need the core alone.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("engine.engine"), name)
