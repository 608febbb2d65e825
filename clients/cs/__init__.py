"""The customer service desk: `kasir cs`."""

from clients.cs import bank, booking, by_hand, finding, mappings, payments, people, proposals, selling
from clients.cs.desk import app

__all__ = [
    "app",
    "bank",
    "booking",
    "by_hand",
    "finding",
    "mappings",
    "payments",
    "people",
    "proposals",
    "selling",
]
