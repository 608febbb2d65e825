"""Parcels on their way: `kasir courier`."""

from clients.courier import connected, numbers, parcels, pickup, printed, questions, simulate
from clients.courier.desk import app

__all__ = ["app", "connected", "numbers", "parcels", "pickup", "printed", "questions", "simulate"]
