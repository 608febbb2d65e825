"""Kasir: a cashier for shops that sell by chat and over the counter."""

__version__ = "0.1.0"
