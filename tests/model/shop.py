"""The whole model: a shop of plain dicts that answers the contract's calls at times it is told."""

import re
from typing import Any

from tests.model.base import Record
from tests.model.orders import OPEN
from tests.model.paper import Paper
from tests.model.plain import public


class Shop(Paper):
    """Give it the calls in the order in which the engine took them, with the engine's times, and it says what
    must come out. `call` raises `Refused` where the engine must refuse.
    """

    def call(self, method: str, request: Record, now_ms: int, actor: str) -> Record:
        """What the engine must answer to a command, e.g. call("CreateHold", {"hold": {…}}, …)."""
        self.advance(now_ms)
        self.actor = actor
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", method).lower()
        reply: Record = public(getattr(self, name)(request))
        return reply

    # --- Time ---

    def deadlines(self) -> list[tuple[int, int, int]]:
        """(when, kind, id) of what ends by itself: 1 orders, 2 holds, 3 Drop Orders, 4 reserved amounts."""
        found = [
            (order["expire_time"], 1, order_id)
            for order_id, order in self.orders.items()
            if order["state"] in OPEN
        ]
        found += [(hold["expire_time"], 2, hold_id) for hold_id, hold in self.holds.items()]
        for drop_order_id, drop_order in self.drop_orders.items():
            if drop_order["state"] in {"REQUESTED", "HANDED_OVER"}:
                found.append((drop_order["expire_time"], 3, drop_order_id))
        for order_id, order in self.orders.items():
            if order["_release"]:
                found.append((order["_release"], 4, order_id))
        return sorted(found)

    def advance(self, now_ms: int) -> None:
        """The time is now this; what fell due at or before it ends, in the order of time."""
        while (found := self.deadlines()) and found[0][0] <= now_ms:
            due_ms, kind, record_id = found[0]
            self.now = max(self.now, due_ms)
            if kind == 1:
                self.expire_order(self.orders[record_id])
            elif kind == 2:
                del self.holds[record_id]
            elif kind == 3:
                drop_order = self.drop_orders[record_id]
                if drop_order["state"] == "REQUESTED":
                    self.end_request(drop_order)
                else:
                    drop_order["state"] = "RETURN_DUE"
            else:
                self.release_payable(self.orders[record_id])
        self.now = now_ms

    # --- What can be seen from outside ---

    def seen(self) -> dict[str, Any]:
        """Everything that lists and reports of the contract must show now."""
        places = sorted(self.on_hand)
        tables = {
            "items": self.items,
            "locations": self.locations,
            "drop_orders": self.drop_orders,
            "orders": self.orders,
            "customers": self.customers,
            "messages": self.messages,
            "mutations": self.mutations,
            "column_mappings": self.column_mappings,
            "tills": self.tills,
            "shifts": self.shifts,
            "sales": self.sales,
            "refunds": self.refunds,
            "parcels": self.parcels,
            "jobs": self.print_jobs,
        }
        return {
            **{
                name: [public(table[record_id]) for record_id in sorted(table)]
                for name, table in tables.items()
            },
            "holds": {hold_id: public(hold) for hold_id, hold in self.holds.items()},
            "stocks": [self.stock(item_id, location_id) for item_id, location_id in places],
            "totals": {
                day: {metric: tuple(total) for metric, total in totals.items() if any(total)}
                for day, totals in self.totals.items()
            },
            "credits": [
                customer_id for customer_id in sorted(self.customers) if self.customers[customer_id]["credit"]
            ],
            "open_money": self._open_money(),
        }

    def _open_money(self) -> dict[str, tuple[int, int]]:
        """Kind -> count and amount of what stands open, added up from the records."""
        money_in = [mutation for mutation in self.mutations.values() if mutation["amount"] > 0]
        open_amounts = {
            "REFUND_DUE": [order["paid"] for order in self.orders.values() if order["state"] == "REFUND_DUE"],
            "CREDIT": [customer["credit"] for customer in self.customers.values() if customer["credit"]],
            "UNMATCHED": [each["amount"] for each in money_in if each["state"] in {"POSTED", "PROPOSED"}],
            "PENDING": [each["amount"] for each in money_in if each["state"] == "PENDING"],
        }
        return {kind: (len(amounts), sum(amounts)) for kind, amounts in open_amounts.items() if amounts}

    def invariants(self) -> None:
        """What must always hold, asserted on the model itself: a model that breaks it proves nothing."""
        for item_id, location_id in self.on_hand:
            stock = self.stock(item_id, location_id)
            assert stock["on_hand"] >= stock["held"] >= 0, stock
        open_payables = [
            (order["bank_account_id"], order["payable"])
            for order in self.orders.values()
            if order["bank_account_id"] and order["state"] in OPEN
        ]
        assert len(open_payables) == len(set(open_payables)), open_payables
        for mutation in self.mutations.values():
            spent = sum(each["amount"] for each in mutation["allocations"]) + mutation["credited"]
            assert spent == (mutation["amount"] if mutation["state"] == "CONFIRMED" else 0), mutation
        for order in self.orders.values():
            assert (
                order["paid"] == sum(each["amount"] for each in order["allocations"]) <= order["payable"]
            ), order
            assert (order["sale_id"] != 0) == (
                order["state"] in {"SOLD", "HANDED_TO_COURIER", "DELIVERED"}
            ), order
        for sale in self.sales.values():
            back = sum(line["total"] for line in sale["refunded"])
            assert 0 <= back <= sale["totals"]["total"], sale
        sources = [sale["order_id"] for sale in self.sales.values() if sale["order_id"]]
        assert len(sources) == len(set(sources)), sources
