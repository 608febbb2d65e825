"""The till in the terminal: `kasir till`."""

from clients.till import refunding, selling, waiting
from clients.till.group import app

__all__ = ["app", "refunding", "selling", "waiting"]
