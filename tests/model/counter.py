"""Sales from orders, tills, shifts, cash."""

from collections import Counter

from tests.model.bank import CARD_NUMBER, Bank
from tests.model.base import AMOUNT_MAX, Record, Refused, refuse_field
from tests.model.orders import OPEN

# In the order in which a shift lists them.
TENDER_KINDS = ("CASH", "CARD", "QR", "TRANSFER", "POINTS", "CREDIT", "EXTERNAL")
AUTHORISED = frozenset({"CARD", "QR", "TRANSFER"})


def _due(order: Record) -> int:
    due: int = order["payable"] - order["paid"] - order["written_off"]
    return due


class Selling(Bank):
    """Where goods leave the shop."""

    # --- Sales from orders ---

    def create_sales(self, request: Record) -> Record:
        ids = request["order_ids"]
        if request["all_paid"]:
            if ids:
                raise refuse_field("FIELD_MALFORMED", "order_ids")
            ids = [order_id for order_id, order in sorted(self.orders.items()) if order["state"] == "PAID"]
        else:
            self.length("order_ids", ids, 1_000)
        if request["shift_id"]:
            self._open_shift(request["shift_id"])
        results = []
        for order_id in ids:
            result: Record = {"order_id": order_id, "sale": None, "parcel_id": 0, "error": None}
            try:
                result["sale"], result["parcel_id"] = self._sell(order_id, request["shift_id"])
            except Refused as refused:
                result["error"] = {"reason": refused.reason, "details": refused.details}
            results.append(result)
        return {"results": results, "more": False}

    def _sell(self, order_id: int, shift_id: int) -> tuple[Record, int]:
        order = self.need(self.orders, order_id, "ORDER")
        if order["state"] in OPEN:
            raise Refused("NOT_PAID", order_id=order_id, due_minor=_due(order))
        self.may(order_id, order["state"], "PAID")
        if shift_id:
            self._counts_in(self.shifts[shift_id], order["totals"], "shift_id")
        tenders = []
        for allocation in order["allocations"]:
            kind, reference = "EXTERNAL", f"{allocation['method']} {allocation['reference']}".strip()
            if allocation["mutation_id"]:
                kind, reference = "TRANSFER", f"mutation {allocation['mutation_id']}"
            tenders.append({"kind": kind, "amount": allocation["amount"], "reference": reference})
        sale = self._make_sale(
            order_id=order_id,
            shift_id=shift_id,
            customer_id=order["customer_id"],
            lines=order["lines"],
            totals=order["totals"],
            tenders=tenders,
            channel=order["channel"],
            unique_code_amount=order["payable"] - order["totals"]["total"],
            written_off=order["written_off"],
        )
        self.become(order, "SOLD")
        order["sale_id"] = sale["sale_id"]
        for line in order["lines"]:
            if line["drop_order_id"]:
                self.drop_orders[line["drop_order_id"]]["state"] = "CONSUMED"
        order["parcel_id"] = self.create_parcel(order)
        return sale, order["parcel_id"]

    def _make_sale(
        self,
        *,
        lines: list[Record],
        totals: Record,
        tenders: list[Record],
        print_receipt: bool = True,
        **fields: object,
    ) -> Record:
        shift = self.shifts.get(int(str(fields["shift_id"])))
        sale: Record = {
            "sale_id": self.next_id("sale"),
            "order_id": 0,
            "till_id": shift["till_id"] if shift else 0,
            "lines": lines,
            "totals": totals,
            "tenders": tenders,
            "change": 0,
            "cashier": self.actor,
            "points_earned": 0,
            "create_time": self.now,
            "unique_code_amount": 0,
            "written_off": 0,
            "receipt": "",
            "sold_time": None,
            "charged_difference": 0,
            "refunded": [],
            # Points that paid, and those of them that were given back.
            "_redeemed": 0,
            "_returned": 0,
            **fields,
        }
        self.sales[sale["sale_id"]] = sale
        for line in lines:
            self.move(line["item_id"], line["location_id"], -line["quantity"])
        self.count("UNITS_SOLD", sum(line["quantity"] for line in lines))
        self.count("ORDER_SALES" if sale["order_id"] else "TILL_SALES", amount=totals["total"])
        self.count("UNIQUE_CODES", int(sale["unique_code_amount"] != 0), sale["unique_code_amount"])
        if not sale["order_id"]:
            for tender in tenders:
                self.count(f"TENDERS_{tender['kind']}", amount=tender["amount"])
            self.count("TENDERS_CASH", 0, -sale["change"])
        for metric, name in (("TAX", "tax"), ("DISCOUNTS", "discount"), ("SHIPPING", "shipping")):
            self.count(metric, int(totals[name] != 0), totals[name])
        if shift is not None:
            self._count_in(shift, sale)
        if print_receipt:
            self.queue_print("SALES_RECEIPT", sale["sale_id"], lines[0]["location_id"])
        return sale

    # --- Tills and shifts ---

    def create_till(self, request: Record) -> Record:
        asked = request["till"]
        code = self.code("till.code", asked["code"], 20)
        self.free_code(self.tills, "code", "till.code", code)
        location = self.need(self.locations, asked["location_id"], "LOCATION")
        if location["kind"] == "WAREHOUSE":
            raise refuse_field("LOCATION_KIND_WRONG", "till.location_id")
        till = {"till_id": self.next_id("till"), "code": code, "location_id": location["location_id"]}
        self.tills[till["till_id"]] = till | {"open_shift_id": 0}
        return {"till": self.tills[till["till_id"]]}

    def open_shift(self, request: Record) -> Record:
        till = self.need(self.tills, request["till_id"], "TILL")
        if till["open_shift_id"]:
            raise Refused("SHIFT_OPEN", shift_id=till["open_shift_id"])
        opening_cash = self.money("opening_cash", request["opening_cash"])
        shift_id = self.next_id("shift")
        self.shifts[shift_id] = {
            "shift_id": shift_id,
            "till_id": till["till_id"],
            "cashier": self.actor,
            "open_time": self.now,
            "close_time": None,
            "opening_cash": opening_cash,
            "sale_count": 0,
            "sale_total": 0,
            "tax_total": 0,
            "discount_total": 0,
            "tenders": [],
            "cash_in": 0,
            "cash_out": 0,
            "expected_cash": opening_cash,
            "counted_cash": None,
            "difference": None,
            "refund_count": 0,
            "refund_total": 0,
            "refund_tax_total": 0,
            "refund_tenders": [],
        }
        till["open_shift_id"] = shift_id
        return {"shift": self.shifts[shift_id]}

    def _open_shift(self, shift_id: int) -> Record:
        shift = self.need(self.shifts, shift_id, "SHIFT")
        if shift["close_time"] is not None:
            raise Refused("SHIFT_CLOSED", shift_id=shift_id)
        return shift

    def _counts_in(self, shift: Record, totals: Record, field: str) -> None:
        """Refuses a sale that would be too much for its shift's sums."""
        self.sum_grows(field, shift["sale_total"], totals["total"])
        self.sum_grows(field, shift["discount_total"], totals["discount"])

    def _count_in(self, shift: Record, sale: Record) -> None:
        shift["sale_count"] += 1
        shift["sale_total"] += sale["totals"]["total"]
        shift["tax_total"] += sale["totals"]["tax"]
        shift["discount_total"] += sale["totals"]["discount"]
        shift["tenders"] = self.by_kind(shift["tenders"], sale["tenders"])
        for total in shift["tenders"]:
            if total["kind"] == "CASH":
                total["amount"] -= sale["change"]
        self._expect(shift)

    @staticmethod
    def by_kind(totals: list[Record], tenders: list[Record]) -> list[Record]:
        """Totals per kind of tender with these tenders too, in their order."""
        found = {total["kind"]: total for total in totals}
        for tender in tenders:
            total = found.setdefault(tender["kind"], {"kind": tender["kind"], "count": 0, "amount": 0})
            total["count"] += 1
            total["amount"] += tender["amount"]
        return sorted(found.values(), key=lambda total: TENDER_KINDS.index(total["kind"]))

    @staticmethod
    def _expect(shift: Record) -> None:
        cash = sum(total["amount"] for total in shift["tenders"] if total["kind"] == "CASH")
        cash -= sum(total["amount"] for total in shift["refund_tenders"] if total["kind"] == "CASH")
        shift["expected_cash"] = shift["opening_cash"] + cash + shift["cash_in"] - shift["cash_out"]

    def _price_cart(self, cart: Record) -> tuple[list[Record], Record]:
        self.length("sale.lines", cart["lines"], 200)
        shift = self.need(self.shifts, cart["shift_id"], "SHIFT")
        location_id = self.tills[shift["till_id"]]["location_id"]
        self.open_location("sale.shift_id", location_id)
        lines = [
            self.price_line(line, f"sale.lines[{index}]", cart["price_list"] or "retail")
            | {"location_id": location_id}
            for index, line in enumerate(cart["lines"])
        ]
        return lines, self.total_up(lines, 0)

    def quote_till_sale(self, request: Record) -> Record:
        lines, totals = self._price_cart(request["sale"])
        return {"lines": lines, "totals": totals}

    def create_till_sale(self, request: Record) -> Record:
        cart = request["sale"]
        if not cart["shift_id"]:
            raise self.required("sale.shift_id")
        self._open_shift(cart["shift_id"])
        lines, totals = self._price_cart(cart)
        customer = self.need(self.customers, cart["customer_id"], "CUSTOMER") if cart["customer_id"] else None
        wanted: Counter[tuple[int, int]] = Counter()
        for line in lines:
            wanted[line["item_id"], line["location_id"]] += line["quantity"]
        drawn = self._drawn(cart["hold_ids"], wanted)
        self.claim(wanted)
        receipt = self.text("sale.receipt", cart["receipt"], 40, optional=True)
        change, redeemed = self._check_tenders(request["tenders"], totals["total"], customer)
        per = self.settings["points_per_minor_units"]
        earned = totals["total"] // per if customer and per else 0
        if customer is not None:
            self.sum_grows("sale.customer_id", customer["points"], earned)
        self._counts_in(self.shifts[cart["shift_id"]], totals, "sale.lines")
        sale = self._make_sale(
            shift_id=cart["shift_id"],
            customer_id=cart["customer_id"],
            lines=lines,
            totals=totals,
            tenders=request["tenders"],
            change=change,
            channel="TILL",
            points_earned=earned,
            receipt=receipt,
            sold_time=cart["sold_time"] if (cart["sold_time"] or self.now) < self.now else None,
            charged_difference=self._charged_difference(cart, lines),
            print_receipt=not cart["receipt_given"],
            _redeemed=redeemed,
        )
        for hold_id, units in drawn:
            self.holds[hold_id]["quantity"] -= units
            if not self.holds[hold_id]["quantity"]:
                del self.holds[hold_id]
        if customer is not None:
            used = sum(tender["amount"] for tender in sale["tenders"] if tender["kind"] == "CREDIT")
            self.credit(customer["customer_id"], -used)
            if earned != redeemed:
                customer["points"] += earned - redeemed
                customer["version"] += 1
        return {"sale": sale}

    def _drawn(self, hold_ids: list[int], wanted: Counter[tuple[int, int]]) -> list[tuple[int, int]]:
        """What each of the till's holds gives; what is wanted of what is available falls by it."""
        if len(hold_ids) > 200:
            raise refuse_field("TOO_MANY_ELEMENTS", "sale.hold_ids")
        open_ones, drawn = wanted.copy(), []
        for hold_id in dict.fromkeys(hold_ids):
            hold = self.holds.get(hold_id)
            if hold is None:
                continue
            place = hold["item_id"], hold["location_id"]
            units = min(hold["quantity"], open_ones[place])
            if units > 0:
                open_ones[place] -= units
                wanted[place] -= units
                drawn.append((hold_id, units))
        return drawn

    def _charged_difference(self, cart: Record, lines: list[Record]) -> int:
        difference = 0
        for asked, line in zip(cart["lines"], lines, strict=True):
            if asked["charge"] is None:
                continue
            try:
                listed = self.price_line(asked | {"charge": None}, "", cart["price_list"] or "retail")
            except Refused:
                listed = {"total": 0}
            difference += line["total"] - listed["total"]
        return difference

    def _check_tenders(self, tenders: list[Record], total: int, customer: Record | None) -> tuple[int, int]:
        """Change and points redeemed."""
        if total == 0 and not tenders:
            return 0, 0
        self.length("tenders", tenders, 10)
        sums: Counter[str] = Counter()
        for index, tender in enumerate(tenders):
            self._check_tender(tender, f"tenders[{index}]")
            sums[tender["kind"]] += tender["amount"]
            worth = self.settings["point_value_minor_units"]
            if tender["kind"] == "POINTS" and (worth == 0 or tender["amount"] % worth):
                raise refuse_field("FIELD_OUT_OF_RANGE", f"tenders[{index}].amount")
        redeemed = sums["POINTS"] // self.settings["point_value_minor_units"] if sums["POINTS"] else 0
        if redeemed > (customer["points"] if customer else 0):
            raise refuse_field("POINTS_TOO_LOW", "tenders")
        if sums["CREDIT"] > (customer["credit"] if customer else 0):
            raise refuse_field("CREDIT_TOO_LOW", "tenders")
        change = sums.total() - total
        if change < 0:
            raise Refused("TENDERS_TOO_LOW", missing_minor=-change)
        if change > sums["CASH"]:
            raise Refused("CHANGE_NOT_FROM_CASH", change_minor=change)
        return change, redeemed

    def _check_tender(self, tender: Record, field: str) -> None:
        if tender["kind"] not in TENDER_KINDS:
            raise self.required(f"{field}.kind")
        if tender["reference"] == CARD_NUMBER:
            raise refuse_field("CARD_NUMBER_REFUSED", f"{field}.reference")
        if tender["kind"] in AUTHORISED and not tender["reference"]:
            raise self.required(f"{field}.reference")
        self.money(f"{field}.amount", tender["amount"], 1)

    def record_cash_movement(self, request: Record) -> Record:
        shift = self._open_shift(request["shift_id"])
        amount = self.money("amount", request["amount"], -AMOUNT_MAX)
        if amount == 0 or shift["expected_cash"] + amount < 0:
            raise refuse_field("AMOUNT_OUT_OF_RANGE", "amount.minor_units")
        self.sum_grows("amount.minor_units", shift["cash_in"], amount)
        self.text("reason", request["reason"], 200)
        self.count("CASH_IN" if amount > 0 else "CASH_OUT", amount=abs(amount))
        shift["cash_in" if amount > 0 else "cash_out"] += abs(amount)
        self._expect(shift)
        return {"shift": shift}

    def close_shift(self, request: Record) -> Record:
        shift = self._open_shift(request["shift_id"])
        counted = self.money("counted_cash", request["counted_cash"])
        till = self.tills[shift["till_id"]]
        till["open_shift_id"] = 0
        difference = counted - shift["expected_cash"]
        shift |= {"close_time": self.now, "counted_cash": counted, "difference": difference}
        self.count("CASH_DIFFERENCE", amount=difference)
        self.queue_print("SHIFT_REPORT", shift["shift_id"], till["location_id"])
        return {"shift": shift}
