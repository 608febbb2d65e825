"""Book Orders: prices, totals, the claim, the amount to pay, and how all of it ends."""

from collections import Counter

from tests.model.base import AMOUNT_MAX, Record, Refused, half_up, refuse_field
from tests.model.stock import ORDER_CLAIMS, Place, Stock

CHANNELS = frozenset({"CHAT", "PHONE", "EMAIL", "WEB", "MARKETPLACE", "WALK_IN", "TILL"})
OPEN = frozenset({"BOOKED", "PARTLY_PAID"})
MINOR_PER_MAJOR = 100
# So many codes are looked at for a free one before a closed order's is taken.
TRIES_BEFORE_REUSE = 32


class Orders(Stock):
    """Items set aside for customers."""

    # --- Prices ---

    def price_line(self, line: Record, field: str, price_list: str) -> Record:
        """A line with its price, tax and total; where it comes from is not said yet."""
        charge = line.get("charge")
        item, unit_price, tax_class_id = self._terms(line, charge, field)
        quantity = self.quantity(f"{field}.quantity", line["quantity"])
        if charge is None:
            reached = [
                price
                for price in item["prices"]
                if price["price_list"] == price_list and price["min_quantity"] <= quantity
            ]
            if not reached:
                raise refuse_field("PRICE_MISSING", field)
            unit_price = max(reached, key=lambda price: price["min_quantity"])["amount"]
        gross = unit_price * quantity
        if gross > AMOUNT_MAX:
            raise refuse_field("AMOUNT_OUT_OF_RANGE", field)
        discount = self.optional_money(f"{field}.discount", line["discount"])
        if discount > gross:
            raise refuse_field("AMOUNT_OUT_OF_RANGE", f"{field}.discount")
        net = gross - discount
        tax, included, code = 0, False, ""
        if tax_class_id:
            tax_class = self.tax_classes[tax_class_id]
            rate, code = tax_class["rate_basis_points"], tax_class["code"]
            included = tax_class["mode"] == "INCLUSIVE"
            tax = half_up(net * rate, 10_000 + rate) if included else half_up(net * rate, 10_000)
        return {
            "item_id": item["item_id"],
            "sku": item["sku"],
            "name": item["name"],
            "quantity": quantity,
            "unit_price": unit_price,
            "discount": discount,
            "tax": tax,
            "tax_included": included,
            "total": net if included else net + tax,
            "location_id": 0,
            "drop_order_id": 0,
            "tax_code": code,
            "_hold_id": 0,
        }

    def _terms(self, line: Record, charge: Record | None, field: str) -> tuple[Record, int, int]:
        """The item, the price when a till charged one, and the tax class."""
        if charge is None:
            item = self.live_item(f"{field}.item_id", line["item_id"])
            return item, 0, item["tax_class_id"]
        if not line["item_id"]:
            raise self.required(f"{field}.item_id")
        item = self.need(self.items, line["item_id"], "ITEM")
        unit_price = self.money(f"{field}.charge.unit_price", charge["unit_price"])
        if charge["tax_class_id"]:
            self.need(self.tax_classes, charge["tax_class_id"], "TAX_CLASS")
        return item, unit_price, charge["tax_class_id"]

    @staticmethod
    def total_up(lines: list[Record], shipping: int) -> Record:
        """What a cart costs."""
        goods = sum(line["unit_price"] * line["quantity"] for line in lines)
        discount = sum(line["discount"] for line in lines)
        tax_added = sum(line["tax"] for line in lines if not line["tax_included"])
        return {
            "goods": goods,
            "discount": discount,
            "tax": sum(line["tax"] for line in lines),
            "tax_added": tax_added,
            "shipping": shipping,
            "total": goods - discount + tax_added + shipping,
        }

    def _place_of(self, line: Record, field: str) -> Record:
        """Where a line's goods stand and what claims them already."""
        if "location_id" in line:
            self.open_location(f"{field}.location_id", line["location_id"])
            return {"location_id": line["location_id"]}
        if "drop_order_id" in line:
            claim = self.drop_order(line["drop_order_id"], "HANDED_OVER", "RETURN_DUE")
            place = {"location_id": claim["to_location_id"], "drop_order_id": claim["drop_order_id"]}
        elif "hold_id" in line:
            claim = self.need(self.holds, line["hold_id"], "HOLD")
            place = {"location_id": claim["location_id"], "_hold_id": claim["hold_id"]}
        else:
            raise self.required(f"{field}.source")
        if (line["item_id"], line["quantity"]) != (claim["item_id"], claim["quantity"]):
            raise refuse_field("ITEM_MISMATCH", field)
        return place

    def _price(self, booking: Record) -> tuple[list[Record], Record]:
        self.length("booking.lines", booking["lines"], 200)
        lines = []
        for index, line in enumerate(booking["lines"]):
            field = f"booking.lines[{index}]"
            place = self._place_of(line, field)
            lines.append(self.price_line(line, field, booking["price_list"] or "retail") | place)
        return lines, self.total_up(lines, self.optional_money("booking.shipping", booking["shipping"]))

    def quote_booking(self, request: Record) -> Record:
        lines, totals = self._price(request["booking"])
        return {"lines": lines, "totals": totals}

    # --- Booking ---

    def create_booking(self, request: Record) -> Record:
        booking = request["booking"]
        if booking["channel"] not in CHANNELS:
            raise self.required("booking.channel")
        if booking["channel"] == "TILL":
            raise refuse_field("FIELD_OUT_OF_RANGE", "booking.channel")
        address = self.address("booking.address", booking["address"])
        if booking["courier_id"]:
            self.need(self.couriers, booking["courier_id"], "COURIER")
        email = self.email("booking.customer_email", booking["customer_email"])
        lines, totals = self._price(booking)
        self._check_claims(lines)
        expire_time = self.deadline(
            "booking.expire_time", booking["expire_time"], self.settings["booking_duration"]
        )
        if totals["total"] <= 0:
            raise refuse_field("AMOUNT_OUT_OF_RANGE", "booking.lines")
        account_id = booking["bank_account_id"]
        if account_id and not any(self.codes(account_id, totals["total"])):
            raise Refused("UNIQUE_CODES_EXHAUSTED", bank_account_id=account_id)
        given_name = self.text("booking.customer_name", booking["customer_name"], 100, optional=True)
        customer = self._customer(booking, address, email)
        order_id = self.next_id("order")
        order = {
            "order_id": order_id,
            "state": "BOOKED",
            "version": 1,
            "customer_id": customer["customer_id"],
            "customer_name": given_name or customer["name"],
            "customer_phone": customer["phone"],
            "customer_email": customer["email"],
            "address": address,
            "lines": lines,
            "totals": totals,
            "unique_code": 0,
            "payable": totals["total"],
            "paid": 0,
            "written_off": 0,
            "allocations": [],
            "channel": booking["channel"],
            "bank_account_id": account_id,
            "courier_id": booking["courier_id"],
            "courier_service": booking["courier_service"],
            "expire_time": expire_time,
            "sale_id": 0,
            "parcel_id": 0,
            "booked_by": self.actor,
            "note": booking["note"],
            "create_time": self.now,
            "cancel_reason": "",
            "refund_reference": "",
            "_cancelled": False,
            # When the amount to pay of a closed order is free again; 0 while it is not closed.
            "_release": 0,
        }
        for line in lines:
            if line["drop_order_id"]:
                self.book_drop_order(line["drop_order_id"], order_id)
            if line["_hold_id"]:
                del self.holds[line["_hold_id"]]
        self.orders[order_id] = order
        if account_id:
            self._give_code(order)
        self.count("ORDERS_BOOKED", amount=order["payable"])
        self.queue_print("ORDER_SLIP", order_id, lines[0]["location_id"])
        self.queue_message("BOOKING_CONFIRMED", order)
        return {"order": order}

    def batch_create_bookings(self, request: Record) -> Record:
        self.length("bookings", request["bookings"], 1_000)
        if sum(len(booking["lines"]) for booking in request["bookings"]) > 5_000:
            raise refuse_field("TOO_MANY_ELEMENTS", "bookings.lines")
        results = []
        for element in request["bookings"]:
            results += self.each(
                [element], "booking", lambda asked: {"booking": self.create_booking(asked)["order"]}
            )
        return {"results": [{"order": result["booking"], "error": result["error"]} for result in results]}

    def _check_claims(self, lines: list[Record]) -> None:
        seen: set[tuple[str, int]] = set()
        wanted: Counter[Place] = Counter()
        for index, line in enumerate(lines):
            claim = ("drop", line["drop_order_id"]) if line["drop_order_id"] else ("hold", line["_hold_id"])
            if claim[1]:
                if claim in seen:
                    raise refuse_field("FIELD_MALFORMED", f"booking.lines[{index}]")
                seen.add(claim)
            # What waits on the desk for its return, and what a hold claims, is the order's for the asking.
            else:
                wanted[line["item_id"], line["location_id"]] += line["quantity"]
        self.claim(wanted)

    def _customer(self, booking: Record, address: Record | None, email: str) -> Record:
        if booking["customer_id"]:
            return self._reached_at(self.known_customer(booking["customer_id"]), email)
        phone = self.phone("booking.customer_phone", booking["customer_phone"])
        known = self.customer_of_phone(phone)
        if known is not None:
            return self._reached_at(known, email)
        name = self.text("booking.customer_name", booking["customer_name"], 100)
        return self.add_customer({"name": name, "phone": phone, "email": email, "address": address})

    @staticmethod
    def _reached_at(customer: Record, email: str) -> Record:
        """A known customer, with the address that is given."""
        if email and email != customer["email"]:
            customer |= {"email": email, "version": customer["version"] + 1}
        return customer

    # --- The amount to pay ---

    @staticmethod
    def _payable(account: Record, total: int, code: int) -> int:
        sign = -1 if account["unique_code_subtracts"] else 1
        return int(total + sign * code * MINOR_PER_MAJOR)

    def codes(self, account_id: int, total: int) -> tuple[list[int], list[int]]:
        """Unique codes whose amount nobody has; and those whose amount a closed order keeps."""
        account = self.need(self.bank_accounts, account_id, "BANK_ACCOUNT")
        free, cooling = [], []
        for code in range(account["unique_code_min"], account["unique_code_max"] + 1):
            payable = self._payable(account, total, code)
            owner = self.payables.get((account_id, payable))
            if payable > 0 and owner is None:
                free.append(code)
            elif owner is not None and self.orders[owner]["_release"]:
                cooling.append(code)
        return free, cooling

    def _give_code(self, order: Record) -> None:
        """A free code; where none is near, one that a closed order kept. Which one is the engine's business:
        the test says which it took (`codes_taken`).
        """
        account_id, total = order["bank_account_id"], order["totals"]["total"]
        free, cooling = self.codes(account_id, total)
        code = self.codes_taken.pop(0) if self.codes_taken else (free + cooling)[0]
        far = not free or len(self.payables) >= TRIES_BEFORE_REUSE
        if code not in free and not (far and code in cooling):
            raise AssertionError(f"unique code {code}: free {free[:40]}, kept {cooling[:40]}")
        order["unique_code"] = code
        order["payable"] = self._payable(self.bank_accounts[account_id], total, code)
        owner = self.payables.get((account_id, order["payable"]))
        if owner is not None:
            self.release_payable(self.orders[owner])
        self.payables[account_id, order["payable"]] = order["order_id"]

    def _owns_payable(self, order: Record) -> bool:
        return self.payables.get((order["bank_account_id"], order["payable"])) == order["order_id"]

    def release_payable(self, order: Record) -> None:
        """The cool-down is over: others may have the amount."""
        if self._owns_payable(order):
            del self.payables[order["bank_account_id"], order["payable"]]
        order["_release"] = 0

    def reserve_again(self, order: Record) -> None:
        """A closed order claims again: its amount is its own, if nobody else took it meanwhile."""
        order["_release"] = 0
        if order["bank_account_id"]:
            self.payables.setdefault((order["bank_account_id"], order["payable"]), order["order_id"])

    # --- How it goes on ---

    def order_in(self, order_id: int, *states: str) -> Record:
        """An order in one of these states."""
        order = self.need(self.orders, order_id, "ORDER")
        self.may(order_id, order["state"], *states)
        return order

    def extend_booking(self, request: Record) -> Record:
        order = self.order_in(request["order_id"], *OPEN)
        if order["version"] != request["version"]:
            raise Refused("VERSION_STALE", id=order["order_id"], current=order["version"])
        if request["expire_time"] is None:
            raise self.required("expire_time")
        order["expire_time"] = self.deadline("expire_time", request["expire_time"], 0)
        order["version"] += 1
        return {"order": order}

    def become(self, order: Record, state: str) -> None:
        """A new state. Where the claim ends with it, stock is free, Drop Orders wait for their return, and
        the amount to pay stays reserved for a while, so that late money finds its order.
        """
        if order["state"] in ORDER_CLAIMS and state not in ORDER_CLAIMS:
            if state != "SOLD":
                self.unbook(order)
            if self._owns_payable(order):
                order["_release"] = self.now + self.settings["payable_cooldown"]
        if state == "REFUND_DUE" and order["state"] != "REFUND_DUE":
            self.count("REFUNDS_DUE", amount=order["paid"])
        order["state"] = state
        order["version"] += 1

    def cancel_booking(self, request: Record) -> Record:
        order = self.order_in(request["order_id"], "BOOKED", "PARTLY_PAID", "PAID")
        reason = self.text("reason", request["reason"], 200, optional=True)
        self.count("ORDERS_CANCELLED", amount=order["payable"])
        self.become(order, "REFUND_DUE" if order["paid"] else "CANCELLED")
        order |= {"cancel_reason": reason, "_cancelled": True}
        self.queue_message("REFUND_DUE" if order["paid"] else "BOOKING_CANCELLED", order)
        return {"order": order}

    def expire_order(self, order: Record) -> None:
        """The deadline passed without the whole money."""
        self.count("ORDERS_EXPIRED", amount=order["payable"])
        self.become(order, "REFUND_DUE" if order["paid"] else "EXPIRED")
        self.queue_message("REFUND_DUE" if order["paid"] else "BOOKING_EXPIRED", order)
