"""The till in the terminal: `kasir till`."""

from clients.till import selling, waiting
from clients.till.group import app

__all__ = ["app", "selling", "waiting"]
