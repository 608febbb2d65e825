"""What people do: items, customers, settings, stock, Drop Orders."""

from kasir.v1 import customer_pb2, stock_pb2
from tests.model.base import DAY_MS
from tests.properties.inputs import ADDRESS, EMAILS, NO_EMAILS, PHONES, UNKNOWN_ID, Choice, in_state
from tests.properties.shop_base import DESK, OTHER_WAREHOUSE, SHOP, WAREHOUSE, ShopBase, action, item

# What goes on with a Drop Order in a state, the usual more often.
NEXT_OF_DROP_ORDER = {
    "REQUESTED": ["hand over"] * 5 + ["reject", "cancel"],
    "HANDED_OVER": ["release", "return"],
    "RETURN_DUE": ["return"],
}
ANY_OF_DROP_ORDER = ["hand over", "reject", "cancel", "release", "return"]


class GoodsActions(ShopBase):
    """What comes in, what is claimed, what is handed to the desk."""

    # --- Setting up ---

    @action(1)
    def changes_an_item(self, choice: Choice) -> None:
        if choice.seldom():
            barcodes = choice.of(
                [[], ["036000291452"], ["X-7"]], [["B-3"], ["4006381333932"], ["X-1", "X-1"]]
            )
            new = item(choice.of(range(10)), barcodes, 7_500_00)
            self.send(choice, "CreateItem", item=new)
            return
        item_id = choice.one(self.model.items)
        known = self.model.items.get(item_id, self.model.items[1])
        changed = item(item_id, known["barcodes"], choice.of([9_999_00, 1, 25_000_00], [-1, 2 * 10**15]))
        changed.sku = known["sku"]
        changed.item_id, changed.version = item_id, known["version"] - choice.stale()
        changed.inactive = choice.of([False], [True])
        self.send(choice, "UpdateItem", item=changed)

    @action(1)
    def changes_a_customer(self, choice: Choice) -> None:
        phone = choice.of([*PHONES, "0899999999"], ["call me", "12", ""])
        email = choice.of(["", *EMAILS], NO_EMAILS)
        if not self.model.customers or choice.maybe():
            name = choice.of(["Agus"], [""])
            customer = customer_pb2.Customer(name=name, phone=phone, address=ADDRESS, email=email)
            self.send(choice, "CreateCustomer", customer=customer)
            return
        customer_id = choice.one(self.model.customers)
        version = self.model.customers.get(customer_id, {"version": 1})["version"] - choice.stale()
        customer = customer_pb2.Customer(
            customer_id=customer_id, name="Ani", phone=phone, email=email, version=version
        )
        self.send(choice, "UpdateCustomer", customer=customer)

    @action(1)
    def changes_settings(self, choice: Choice) -> None:
        shown = self.driver.ask("GetSettings").settings
        shown.payable_cooldown.FromMilliseconds(choice.of([0, 300, 7 * DAY_MS], [-1, 32 * DAY_MS]))
        shown.points_per_minor_units = choice.of([0, 1_000_00, 1_000_00], [-1])
        shown.point_value_minor_units = choice.of([0, 50_00, 50_00])
        shown.currency_code = choice.of(["IDR"], ["USD"])
        shown.version -= choice.stale()
        self.send(choice, "UpdateSettings", settings=shown)

    # --- Stock ---

    @action(3)
    def moves_stock(self, choice: Choice) -> None:
        lines = [
            stock_pb2.StockLine(item_id=choice.one(self.model.items), quantity=choice.quantity())
            for _ in range(choice.of([1, 2, 3], [0]))
        ]
        place = choice.of([WAREHOUSE, SHOP, OTHER_WAREHOUSE], [DESK, UNKNOWN_ID, 0])
        match choice.of(["receive", "receive", "receive", "adjust", "transfer"]):
            case "receive":
                self.send(choice, "ReceiveStock", location_id=place, lines=lines, reference="SJ-2")
            case "adjust":
                for line in lines:
                    line.quantity *= choice.of([1, -1])
                reason = choice.of(["count"], [""])
                self.send(choice, "AdjustStock", location_id=place, lines=lines, reason=reason)
            case "transfer":
                to = choice.of([each for each in (WAREHOUSE, SHOP) if each != place], [place, DESK])
                self.send(
                    choice,
                    "TransferStock",
                    from_location_id=place,
                    to_location_id=to,
                    lines=lines,
                )

    @action(2)
    def holds(self, choice: Choice) -> None:
        if self.model.holds and not choice.seldom():
            self.send(choice, "ReleaseHold", hold_id=choice.one(self.model.holds))
            return
        holds = [
            stock_pb2.Hold(
                item_id=choice.one(self.model.items),
                location_id=choice.of([WAREHOUSE, SHOP], [DESK, 0]),
                quantity=choice.quantity(),
                owner="web-1",
                replaced_hold_id=choice.one(self.model.holds) if self.model.holds and choice.seldom() else 0,
                **choice.expiry(),
            )
            for _ in range(choice.of([1, 1, 3]))
        ]
        if len(holds) == 1:
            self.send(choice, "CreateHold", hold=holds[0])
        else:
            self.send(choice, "BatchCreateHolds", holds=holds)

    # --- Drop Orders ---

    @action(3)
    def asks_the_warehouse(self, choice: Choice) -> None:
        self.send(
            choice,
            "RequestDropOrder",
            item_id=choice.one(self.model.items),
            quantity=choice.quantity(),
            from_location_id=choice.of([WAREHOUSE, WAREHOUSE, SHOP], [DESK, 0]),
            to_location_id=choice.of([DESK], [SHOP, 0, UNKNOWN_ID]),
            **choice.expiry(),
        )

    @action(5, when=lambda self: bool(self.model.drop_orders))
    def goes_on_with_a_drop_order(self, choice: Choice) -> None:
        drops = self.model.drop_orders
        drop_order_id = choice.one(drops, in_state(*NEXT_OF_DROP_ORDER))
        drop_order = drops.get(drop_order_id, {"state": "", "item_id": 0})
        wanted = self.model.items.get(drop_order["item_id"])
        right = wanted["barcodes"] if wanted and wanted["barcodes"] else ["B-3"]
        barcode = choice.of(right, ["B-3", "nothing has this", ""])
        match choice.of(NEXT_OF_DROP_ORDER.get(drop_order["state"], ANY_OF_DROP_ORDER), ANY_OF_DROP_ORDER):
            case "hand over":
                self.send(choice, "HandOverDropOrder", drop_order_id=drop_order_id, barcode=barcode)
            case "reject":
                reason = choice.of(["broken"], ["", " "])
                self.send(choice, "RejectDropOrder", drop_order_id=drop_order_id, reason=reason)
            case "cancel":
                self.send(choice, "CancelDropOrder", drop_order_id=drop_order_id)
            case "release":
                self.send(choice, "ReleaseDropOrder", drop_order_id=drop_order_id)
            case "return":
                self.send(choice, "ReturnDropOrder", drop_order_id=drop_order_id, barcode=barcode)
