"""Locations, custody, claims, Drop Orders."""

from collections import Counter

from tests.model.base import QUANTITY_MAX, Record, Refused, refuse_field
from tests.model.catalogue import Catalogue

LOCATION_KINDS = frozenset({"WAREHOUSE", "CS_DESK", "SHOP"})
# States in which a record claims stock.
ORDER_CLAIMS = frozenset({"BOOKED", "PARTLY_PAID", "PAID"})

Place = tuple[int, int]


class Stock(Catalogue):
    """What is where, and for whom."""

    # --- What is there ---

    def held(self, item_id: int, location_id: int) -> int:
        """Units promised: the sum of all live claims."""
        units = 0
        for hold in self.holds.values():
            if (hold["item_id"], hold["location_id"]) == (item_id, location_id):
                units += hold["quantity"]
        for drop_order in self.drop_orders.values():
            at = {"REQUESTED": drop_order["from_location_id"], "HANDED_OVER": drop_order["to_location_id"]}
            if (drop_order["item_id"], at.get(drop_order["state"])) == (item_id, location_id):
                units += drop_order["quantity"]
        for order in self.orders.values():
            if order["state"] in ORDER_CLAIMS:
                for line in order["lines"]:
                    if (line["item_id"], line["location_id"]) == (item_id, location_id):
                        units += line["quantity"]
        return units

    def available(self, item_id: int, location_id: int) -> int:
        """Units that can be promised now."""
        return self.on_hand.get((item_id, location_id), 0) - self.held(item_id, location_id)

    def stock(self, item_id: int, location_id: int) -> Record:
        """One line of a stock list."""
        on_hand, held = self.on_hand.get((item_id, location_id), 0), self.held(item_id, location_id)
        return {
            "item_id": item_id,
            "location_id": location_id,
            "on_hand": on_hand,
            "held": held,
            "available": on_hand - held,
        }

    def claim(self, wanted: Counter[Place]) -> None:
        """Refuses when somewhere less is available than is wanted, the first by item and location."""
        for (item_id, location_id), units in sorted(wanted.items()):
            available = self.available(item_id, location_id)
            if available < units:
                raise Refused(
                    "OUT_OF_STOCK",
                    item_id=item_id,
                    location_id=location_id,
                    available=available,
                    wanted=units,
                )

    def move(self, item_id: int, location_id: int, units: int) -> None:
        """Changes what is physically at a location."""
        key = (item_id, location_id)
        self.on_hand[key] = self.on_hand.get(key, 0) + units

    # --- Locations and movements ---

    def create_location(self, request: Record) -> Record:
        asked = request["location"]
        code = self.code("location.code", asked["code"], 20)
        self.free_code(self.locations, "code", "location.code", code)
        name = self.text("location.name", asked["name"], 100)
        if asked["kind"] not in LOCATION_KINDS:
            raise self.required("location.kind")
        location = {
            "location_id": self.next_id("location"),
            "code": code,
            "name": name,
            "kind": asked["kind"],
        }
        self.locations[location["location_id"]] = location
        return {"location": location}

    def open_location(self, field: str, location_id: int) -> Record:
        """A location whose stock moves freely: any but a CS desk."""
        if not location_id:
            raise self.required(field)
        location = self.need(self.locations, location_id, "LOCATION")
        if location["kind"] == "CS_DESK":
            raise refuse_field("DROP_ORDER_REQUIRED", field)
        return location

    def _known_items(self, lines: list[Record]) -> None:
        self.length("lines", lines, 1_000)
        for index, line in enumerate(lines):
            if not line["item_id"]:
                raise self.required(f"lines[{index}].item_id")
            self.need(self.items, line["item_id"], "ITEM")

    def _stocks(self, lines: list[Record], *location_ids: int) -> list[Record]:
        items = sorted({line["item_id"] for line in lines})
        return [self.stock(item_id, location_id) for location_id in sorted(location_ids) for item_id in items]

    def receive_stock(self, request: Record) -> Record:
        location_id, lines = request["location_id"], request["lines"]
        self.open_location("location_id", location_id)
        self._known_items(lines)
        for index, line in enumerate(lines):
            self.quantity(f"lines[{index}].quantity", line["quantity"])
        for line in lines:
            self.move(line["item_id"], location_id, line["quantity"])
            self.count("UNITS_RECEIVED", line["quantity"])
        return {"stocks": self._stocks(lines, location_id)}

    def adjust_stock(self, request: Record) -> Record:
        location_id, lines = request["location_id"], request["lines"]
        self.open_location("location_id", location_id)
        self.text("reason", request["reason"], 200)
        self._known_items(lines)
        sums: Counter[int] = Counter()
        for index, line in enumerate(lines):
            field = f"lines[{index}].quantity"
            if self.within(field, line["quantity"], -QUANTITY_MAX, QUANTITY_MAX) == 0:
                raise refuse_field("FIELD_OUT_OF_RANGE", field)
            sums[line["item_id"]] += line["quantity"]
            available = self.available(line["item_id"], location_id)
            if available + sums[line["item_id"]] < 0:
                raise Refused("OUT_OF_STOCK", item_id=line["item_id"], available=available)
        for line in lines:
            self.move(line["item_id"], location_id, line["quantity"])
            self.count("UNITS_ADJUSTED", line["quantity"])
        return {"stocks": self._stocks(lines, location_id)}

    def transfer_stock(self, request: Record) -> Record:
        origin, target, lines = request["from_location_id"], request["to_location_id"], request["lines"]
        self.open_location("from_location_id", origin)
        self.open_location("to_location_id", target)
        if origin == target:
            raise refuse_field("FIELD_MALFORMED", "to_location_id")
        self._known_items(lines)
        wanted: Counter[Place] = Counter()
        for index, line in enumerate(lines):
            wanted[line["item_id"], origin] += self.quantity(f"lines[{index}].quantity", line["quantity"])
        self.claim(wanted)
        for line in lines:
            self.move(line["item_id"], origin, -line["quantity"])
            self.move(line["item_id"], target, line["quantity"])
            self.count("UNITS_TRANSFERRED", line["quantity"])
        return {"stocks": self._stocks(lines, origin, target)}

    # --- Holds ---

    def create_hold(self, request: Record) -> Record:
        asked = request["hold"]
        item_id, location_id = asked["item_id"], asked["location_id"]
        self.live_item("hold.item_id", item_id)
        self.open_location("hold.location_id", location_id)
        quantity = self.quantity("hold.quantity", asked["quantity"])
        owner = self.text("hold.owner", asked["owner"], 60, optional=True)
        expire_time = self.deadline("hold.expire_time", asked["expire_time"], self.settings["hold_duration"])
        replaced = self.holds.get(asked.get("replaced_hold_id", 0))
        if replaced and (replaced["item_id"], replaced["location_id"]) != (item_id, location_id):
            raise refuse_field("ITEM_MISMATCH", "hold.replaced_hold_id")
        more = quantity - (replaced["quantity"] if replaced else 0)
        self.claim(Counter({(item_id, location_id): more}))
        if replaced:
            del self.holds[replaced["hold_id"]]
        hold = {
            "hold_id": self.next_id("hold"),
            "item_id": item_id,
            "location_id": location_id,
            "quantity": quantity,
            "owner": owner,
            "expire_time": expire_time,
            "create_time": self.now,
            "replaced_hold_id": 0,
        }
        self.holds[hold["hold_id"]] = hold
        return {"hold": hold}

    def batch_create_holds(self, request: Record) -> Record:
        self.length("holds", request["holds"], 1_000)
        return {"results": self.each(request["holds"], "hold", self.create_hold)}

    def release_hold(self, request: Record) -> Record:
        hold = self.need(self.holds, request["hold_id"], "HOLD")
        del self.holds[hold["hold_id"]]
        return {"stock": self.stock(hold["item_id"], hold["location_id"])}

    # --- Drop Orders ---

    def request_drop_order(self, request: Record) -> Record:
        item_id, origin, desk_id = request["item_id"], request["from_location_id"], request["to_location_id"]
        self.live_item("item_id", item_id)
        quantity = self.quantity("quantity", request["quantity"])
        self.open_location("from_location_id", origin)
        if not desk_id:
            raise self.required("to_location_id")
        if self.need(self.locations, desk_id, "LOCATION")["kind"] != "CS_DESK":
            raise refuse_field("LOCATION_KIND_WRONG", "to_location_id")
        expire_time = self.deadline("expire_time", request["expire_time"], self.settings["hold_duration"])
        self.claim(Counter({(item_id, origin): quantity}))
        drop_order = {
            "drop_order_id": self.next_id("drop_order"),
            "item_id": item_id,
            "quantity": quantity,
            "from_location_id": origin,
            "to_location_id": desk_id,
            "state": "REQUESTED",
            "order_id": 0,
            "requested_by": self.actor,
            "reject_reason": "",
            "note": self.text("note", request["note"], 200, optional=True),
            "expire_time": expire_time,
            "create_time": self.now,
        }
        self.drop_orders[drop_order["drop_order_id"]] = drop_order
        self.count("DROP_ORDERS_REQUESTED")
        return {"drop_order": drop_order}

    def drop_order(self, drop_order_id: int, *states: str) -> Record:
        """A Drop Order in one of these states."""
        drop_order = self.need(self.drop_orders, drop_order_id, "DROP_ORDER")
        self.may(drop_order_id, drop_order["state"], *states)
        return drop_order

    def _check_scan(self, drop_order: Record, barcode: str) -> None:
        barcode = self.text("barcode", barcode, 300)
        if self.item_of_barcode(barcode)["item_id"] != drop_order["item_id"]:
            raise Refused("ITEM_MISMATCH", field="barcode", item_id=drop_order["item_id"])

    def hand_over_drop_order(self, request: Record) -> Record:
        drop_order = self.drop_order(request["drop_order_id"], "REQUESTED")
        self._check_scan(drop_order, request["barcode"])
        self.move(drop_order["item_id"], drop_order["from_location_id"], -drop_order["quantity"])
        self.move(drop_order["item_id"], drop_order["to_location_id"], drop_order["quantity"])
        drop_order["state"] = "HANDED_OVER"
        self.count("DROP_ORDERS_HANDED_OVER")
        return {"drop_order": drop_order}

    def reject_drop_order(self, request: Record) -> Record:
        drop_order = self.drop_order(request["drop_order_id"], "REQUESTED")
        drop_order["reject_reason"] = self.text("reason", request["reason"], 200)
        drop_order["state"] = "REJECTED"
        self.count("DROP_ORDERS_REJECTED")
        return {"drop_order": drop_order}

    def cancel_drop_order(self, request: Record) -> Record:
        drop_order = self.drop_order(request["drop_order_id"], "REQUESTED")
        self.end_request(drop_order)
        return {"drop_order": drop_order}

    def end_request(self, drop_order: Record) -> None:
        """Taken back by the desk or not handed over in time."""
        drop_order["state"] = "CANCELLED"
        self.count("DROP_ORDERS_CANCELLED")

    def release_drop_order(self, request: Record) -> Record:
        drop_order = self.drop_order(request["drop_order_id"], "HANDED_OVER")
        drop_order["state"] = "RETURN_DUE"
        return {"drop_order": drop_order}

    def return_drop_order(self, request: Record) -> Record:
        # A scan of what the desk still claims says both: not wanted any more, and back.
        drop_order = self.drop_order(request["drop_order_id"], "RETURN_DUE", "HANDED_OVER")
        self._check_scan(drop_order, request["barcode"])
        self.move(drop_order["item_id"], drop_order["to_location_id"], -drop_order["quantity"])
        self.move(drop_order["item_id"], drop_order["from_location_id"], drop_order["quantity"])
        drop_order["state"] = "RETURNED"
        self.count("DROP_ORDERS_RETURNED")
        return {"drop_order": drop_order}

    def unbook(self, order: Record) -> None:
        """The claim of an order ends: its Drop Orders wait for their return."""
        for line in order["lines"]:
            if line["drop_order_id"]:
                self.drop_orders[line["drop_order_id"]] |= {"state": "RETURN_DUE", "order_id": 0}

    def book_drop_order(self, drop_order_id: int, order_id: int) -> None:
        """An order claims what stands on the desk."""
        self.drop_orders[drop_order_id] |= {"state": "BOOKED", "order_id": order_id}
