"""Tax classes, items, customers, settings."""

from collections.abc import Callable

from tests.model.base import (
    AMOUNT_MAX,
    DEADLINE_MAX_MS,
    HOUR_MS,
    MINUTE_MS,
    Base,
    Record,
    Refused,
    refuse_field,
)

Call = Callable[[Record], Record]
GTIN_LENGTHS = frozenset({8, 12, 13, 14})


def has_wrong_check_digit(barcode: str) -> bool:
    """A GTIN whose digits do not add up: weights 3 and 1 from the right, all together a multiple of ten."""
    if len(barcode) not in GTIN_LENGTHS or not barcode.isascii() or not barcode.isdigit():
        return False
    digits = [int(digit) for digit in reversed(barcode)]
    return (sum(digits[0::2]) + 3 * sum(digits[1::2])) % 10 != 0


def canonical(barcode: str) -> str:
    """GTINs of all lengths are one row of numbers: zeros in front only fill an EAN-8 or an EAN-13."""
    if len(barcode) not in GTIN_LENGTHS or not barcode.isascii() or not barcode.isdigit():
        return barcode
    number = barcode.lstrip("0")
    return number.zfill(8 if len(number) <= 8 else max(13, len(number)))


class Catalogue(Base):
    """What the shop sells, to whom, under which settings."""

    def update_settings(self, request: Record) -> Record:
        asked, now = request["settings"], self.settings
        if asked["version"] != now["version"]:
            raise Refused("VERSION_STALE", current=now["version"], given=asked["version"])
        currency = asked["currency_code"]
        if currency != now["currency_code"] and (self.items or self.shifts or self.customers):
            raise refuse_field("SETTING_FIXED", "settings.currency_code")
        self.text("settings.shop_name", asked["shop_name"], 100)
        if asked["utc_offset"] % MINUTE_MS:
            raise refuse_field("FIELD_OUT_OF_RANGE", "settings.utc_offset")
        self.within("settings.utc_offset", asked["utc_offset"], -12 * HOUR_MS, 14 * HOUR_MS)
        for name, shortest in (
            ("booking_duration", MINUTE_MS),
            ("hold_duration", MINUTE_MS),
            ("payable_cooldown", 0),
            ("reminder_before", 0),
        ):
            self.within(f"settings.{name}", asked[name], shortest, DEADLINE_MAX_MS)
        for name in ("points_per_minor_units", "point_value_minor_units"):
            self.within(f"settings.{name}", asked[name], 0, AMOUNT_MAX)
        self.settings = {**asked, "version": now["version"] + 1}
        return {"settings": self.settings}

    def create_tax_class(self, request: Record) -> Record:
        asked = request["tax_class"]
        code = self.code("tax_class.code", asked["code"], 20)
        self.free_code(self.tax_classes, "code", "tax_class.code", code)
        self.within("tax_class.rate_basis_points", asked["rate_basis_points"], 0, 10_000)
        name = self.text("tax_class.name", asked["name"], 60)
        if asked["mode"] not in {"INCLUSIVE", "EXCLUSIVE"}:
            raise self.required("tax_class.mode")
        tax_class = {**asked, "tax_class_id": self.next_id("tax_class"), "code": code, "name": name}
        self.tax_classes[tax_class["tax_class_id"]] = tax_class
        return {"tax_class": tax_class}

    def create_item(self, request: Record) -> Record:
        item = self._checked_item(request["item"], self.counters["item"] + 1)
        item |= {"version": 1, "create_time": self.now}
        self.items[self.next_id("item")] = item
        return {"item": item}

    def batch_create_items(self, request: Record) -> Record:
        self.length("items", request["items"], 1_000)
        if sum(len(item["barcodes"]) + len(item["prices"]) for item in request["items"]) > 10_000:
            raise refuse_field("TOO_MANY_ELEMENTS", "items.barcodes")
        return {"results": self.each(request["items"], "item", self.create_item)}

    def update_item(self, request: Record) -> Record:
        asked = request["item"]
        item = self.need(self.items, asked["item_id"], "ITEM")
        if asked["version"] != item["version"]:
            raise Refused(
                "VERSION_STALE", id=item["item_id"], current=item["version"], given=asked["version"]
            )
        changed = self._checked_item(asked, item["item_id"])
        item.update(changed, version=item["version"] + 1, create_time=item["create_time"])
        return {"item": item}

    def _checked_item(self, asked: Record, item_id: int) -> Record:
        others = {other_id: item for other_id, item in self.items.items() if other_id != item_id}
        sku = self.code("item.sku", asked["sku"], 40)
        if any(item["sku"] == sku for item in others.values()):
            raise refuse_field("SKU_TAKEN", "item.sku")
        if asked["tax_class_id"]:
            self.need(self.tax_classes, asked["tax_class_id"], "TAX_CLASS")
        name = self.text("item.name", asked["name"], 200)
        taken = {barcode for item in others.values() for barcode in item["barcodes"]}
        barcodes: list[str] = []
        for index, barcode in enumerate(asked["barcodes"]):
            if has_wrong_check_digit(barcode):
                raise refuse_field("BARCODE_CHECK_DIGIT", f"item.barcodes[{index}]")
            if canonical(barcode) in taken or canonical(barcode) in barcodes:
                raise refuse_field("BARCODE_TAKEN", f"item.barcodes[{index}]")
            barcodes.append(canonical(barcode))
        for index, price in enumerate(asked["prices"]):
            self.money(f"item.prices[{index}].amount", price["amount"])
            self.quantity(f"item.prices[{index}].min_quantity", price["min_quantity"])
        return {**asked, "item_id": item_id, "sku": sku, "name": name, "barcodes": barcodes}

    def item_of_barcode(self, barcode: str) -> Record:
        """The item that a scan names."""
        for item in self.items.values():
            if canonical(barcode) in item["barcodes"]:
                return item
        raise refuse_field("BARCODE_UNKNOWN", "barcode")

    def live_item(self, field: str, item_id: int) -> Record:
        """An item that may be booked and sold."""
        if not item_id:
            raise self.required(field)
        item = self.need(self.items, item_id, "ITEM")
        if item["inactive"]:
            raise refuse_field("ITEM_INACTIVE", field)
        return item

    # --- Customers ---

    def create_customer(self, request: Record) -> Record:
        fields = self._checked_customer(request["customer"], 0)
        return {"customer": self.add_customer(fields)}

    def add_customer(self, fields: Record) -> Record:
        """A new customer with name, phone, address and e-mail."""
        customer_id = self.next_id("customer")
        customer = {
            "customer_id": customer_id,
            "points": 0,
            "credit": 0,
            "version": 1,
            "create_time": self.now,
            "erase_time": None,
        }
        self.customers[customer_id] = customer | fields
        return self.customers[customer_id]

    def update_customer(self, request: Record) -> Record:
        asked = request["customer"]
        customer = self.known_customer(asked["customer_id"])
        if asked["version"] != customer["version"]:
            raise Refused("VERSION_STALE", id=customer["customer_id"])
        fields = self._checked_customer(asked, customer["customer_id"])
        customer.update(fields, version=customer["version"] + 1)
        return {"customer": customer}

    def known_customer(self, customer_id: int) -> Record:
        """The customer, unless their data were erased."""
        customer = self.need(self.customers, customer_id, "CUSTOMER")
        if customer["erase_time"] is not None:
            raise Refused("CUSTOMER_ERASED", customer_id=customer_id)
        return customer

    def erase_customer(self, request: Record) -> Record:
        customer = self.known_customer(request["customer_id"])
        customer_id = customer["customer_id"]
        if request["version"] != customer["version"]:
            raise Refused("VERSION_STALE", id=customer_id)
        orders = [order for order in self.orders.values() if order["customer_id"] == customer_id]
        busy = [order for order in orders if not is_closed(order)]
        if busy or customer["credit"]:
            raise Refused("CUSTOMER_BUSY", customer_id=customer_id)
        self._blank_orders(orders)
        for message in self.messages.values():
            if message["customer_id"] == customer_id:
                state = "FAILED" if message["state"] == "QUEUED" else message["state"]
                message |= {"phone": "", "email": "", "detail": "", "state": state}
        customer |= {"name": "", "phone": "", "email": "", "address": blank_address(customer["address"])}
        customer |= {"erase_time": self.now, "version": customer["version"] + 1}
        return {"customer": customer}

    def _blank_orders(self, orders: list[Record]) -> None:
        """What orders, their parcels and manifests tell of a person becomes empty."""
        for order in orders:
            blank = dict.fromkeys(("customer_name", "customer_phone", "customer_email"), "")
            order |= {**blank, "note": "", "cancel_reason": "", "address": blank_address(order["address"])}
            order |= {"version": order["version"] + 1, "update_time": self.now}
            for parcel in self.parcels.values():
                if parcel["order_id"] == order["order_id"]:
                    parcel |= {"address": blank_address(parcel["address"]), "airway_bill_detail": ""}
                    parcel["version"] += 1
        gone = {order["order_id"] for order in orders}
        for manifest in self.manifests.values():
            for line in manifest["lines"]:
                if line["order_id"] in gone:
                    line |= {"recipient": "", "city": ""}

    def customer_of_phone(self, phone: str) -> Record | None:
        """Who has this phone, in its stored form."""
        return next((customer for customer in self.customers.values() if customer["phone"] == phone), None)

    def _checked_customer(self, asked: Record, customer_id: int) -> Record:
        phone = self.phone("customer.phone", asked["phone"])
        other = self.customer_of_phone(phone)
        if other is not None and other["customer_id"] != customer_id:
            raise refuse_field("PHONE_TAKEN", "customer.phone")
        return {
            "name": self.text("customer.name", asked["name"], 100),
            "phone": phone,
            "email": self.email("customer.email", asked["email"]),
            "address": self.address("customer.address", asked["address"]),
        }

    # --- Batches ---

    def each(self, elements: list[Record], name: str, create: Call) -> list[Record]:
        """Runs the elements of a batch one after another; each is accepted or refused by itself."""
        results = []
        for element in elements:
            try:
                results.append({name: dict(create({name: element})[name]), "error": None})
            except Refused as refused:
                results.append({name: None, "error": error_of(refused)})
        return results


def is_closed(order: Record) -> bool:
    """Neither goods nor money are to come or go."""
    closed = order["state"] in {"DELIVERED", "CANCELLED", "EXPIRED", "REFUNDED"}
    return closed or (order["state"] == "SOLD" and not order["parcel_id"])


def blank_address(address: Record | None) -> Record | None:
    """An address of which only is known that there was one."""
    return address and dict.fromkeys(address, "")


def error_of(refused: Refused) -> Record:
    """A refusal as an element of a batch tells it; compared by reason and what the model gives."""
    return {"reason": refused.reason, "details": refused.details}
