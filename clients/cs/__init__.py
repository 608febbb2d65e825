"""The customer service desk: `kasir cs`."""

from clients.cs import bank, booking, finding, people, selling
from clients.cs.desk import app

__all__ = ["app", "bank", "booking", "finding", "people", "selling"]
