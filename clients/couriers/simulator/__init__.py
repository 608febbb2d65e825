"""Carriers that are programs: they speak the HTTP of real ones (`shapes`), and misbehave on demand.

For tests, the demo, and people who want to see how Kasir takes it: `kasir courier simulate`.
"""

from clients.couriers.simulator.misbehaviour import GOOD, Misbehaviour
from clients.couriers.simulator.server import CourierSimulator
from clients.couriers.simulator.webhooks import WebhookTarget

__all__ = ["GOOD", "CourierSimulator", "Misbehaviour", "WebhookTarget"]
