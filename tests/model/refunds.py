"""Goods of tills' sales given back."""

from collections import Counter

from tests.model.bank import CARD_NUMBER
from tests.model.base import Record, Refused, half_up, refuse_field
from tests.model.counter import TENDER_KINDS, Selling

# Rupiah have no sen in notes and coins.
COIN = 100
ON_HAND_MAX = 10**12


def _up_to(amount: int, units: int, whole: int, step: int) -> int:
    """What the first units of a line have of an amount of it, in whole steps."""
    return amount if units == whole else half_up(amount * units, whole * step) * step


class Refunding(Selling):
    """Where goods come back."""

    def quote_refund(self, request: Record) -> Record:
        return {"refund": self._priced(request["refund"])}

    def get_refund(self, request: Record) -> Record:
        return {"refund": self.need(self.refunds, request["refund_id"], "REFUND")}

    def refund_sale(self, request: Record) -> Record:
        asked = request["refund"]
        refund = self._priced(asked)
        for tender in refund["tenders"]:
            if tender["kind"] != "POINTS":
                tender["reference"] = self._reference(tender["kind"], asked["reference"])
        refund |= {
            "reason": self.text("refund.reason", asked["reason"], 200),
            "approved_by": self.text("refund.approved_by", asked["approved_by"], 60),
            "cashier": self.actor,
            "create_time": self.now,
            "refund_id": self.next_id("refund"),
        }
        self.refunds[refund["refund_id"]] = refund
        self._take_back(refund)
        self._pay_out(refund)
        self.queue_print("REFUND_RECEIPT", refund["refund_id"], refund["lines"][0]["goods"]["location_id"])
        return {"refund": refund}

    def _reference(self, kind: str, text: str) -> str:
        if text == CARD_NUMBER:
            raise refuse_field("CARD_NUMBER_REFUSED", "refund.reference")
        if kind not in {"CASH", "CREDIT"} and not text:
            raise self.required("refund.reference")
        return text

    def _priced(self, asked: Record) -> Record:
        """The refund without number, time and words."""
        if not asked["shift_id"]:
            raise self.required("refund.shift_id")
        shift = self._open_shift(asked["shift_id"])
        location_id = self.tills[shift["till_id"]]["location_id"]
        self.open_location("refund.shift_id", location_id)
        if not asked["sale_id"]:
            raise self.required("refund.sale_id")
        sale = self.need(self.sales, asked["sale_id"], "SALE")
        if sale["order_id"]:
            raise Refused("SALE_OF_ORDER", order_id=sale["order_id"])
        lines = self._refund_lines(sale, asked["lines"], location_id)
        totals = self.total_up([line["goods"] for line in lines], 0)
        self.sum_grows("refund.lines", shift["refund_total"], totals["total"])
        returned, by_points = self._points_back(sale, totals["total"])
        customer = self.customers.get(sale["customer_id"])
        tenders = [{"kind": "POINTS", "amount": by_points, "reference": ""}] if by_points else []
        if money := totals["total"] - by_points:
            self._check_kind(asked["kind"], money, shift, customer)
            tenders.append({"kind": asked["kind"], "amount": money, "reference": ""})
        due = self._earned(sale, 0) - self._earned(sale, totals["total"])
        taken = min(due, customer["points"] + returned if customer else 0)
        return {
            "refund_id": 0,
            "sale_id": sale["sale_id"],
            "receipt": sale["receipt"],
            "till_id": shift["till_id"],
            "shift_id": shift["shift_id"],
            "customer_id": sale["customer_id"],
            "lines": lines,
            "totals": totals,
            "tenders": tenders,
            "points_returned": returned,
            "points_taken": taken,
            "points_lacking": due - taken,
            "reason": "",
            "approved_by": "",
            "cashier": "",
            "create_time": None,
        }

    def _refund_lines(self, sale: Record, asked: list[Record], location_id: int) -> list[Record]:
        self.length("refund.lines", asked, 200)
        back = Counter({place: line["quantity"] for place, line in enumerate(sale["refunded"])})
        coming: Counter[int] = Counter()
        lines = []
        for index, each in enumerate(asked):
            field, place = f"refund.lines[{index}]", each["line"]
            if not 0 <= place < len(sale["lines"]):
                raise refuse_field("FIELD_OUT_OF_RANGE", f"{field}.line")
            units = self.quantity(f"{field}.quantity", each["quantity"])
            sold, before = sale["lines"][place], back[place]
            if before + units > sold["quantity"]:
                left = sold["quantity"] - before
                raise Refused("REFUND_TOO_MUCH", field=f"{field}.quantity", left=left, wanted=units)
            back[place] += units
            coming[sold["item_id"]] += units
            there = self.on_hand.get((sold["item_id"], location_id), 0) + coming[sold["item_id"]]
            self.within(f"{field}.quantity", there, 0, ON_HAND_MAX)
            goods = sold | self._part(sold, before, units) | {"location_id": location_id}
            lines.append({"line": place, "goods": goods, "damaged": each["damaged"]})
        return lines

    @staticmethod
    def _part(sold: Record, before: int, units: int) -> Record:
        added = 0 if sold["tax_included"] else sold["tax"]
        even = not any(amount % COIN for amount in (sold["unit_price"], sold["discount"], added))

        def part(name: str, step: int) -> int:
            whole = sold["quantity"]
            return _up_to(sold[name], before + units, whole, step) - _up_to(sold[name], before, whole, step)

        discount = part("discount", COIN if even else 1)
        tax = part("tax", COIN if even and not sold["tax_included"] else 1)
        total = sold["unit_price"] * units - discount + (0 if sold["tax_included"] else tax)
        return {"quantity": units, "discount": discount, "tax": tax, "total": total}

    @staticmethod
    def _points_back(sale: Record, total: int) -> tuple[int, int]:
        """Whole points given back, and what of the goods points pay: all that they paid, before any money."""
        if not sale["_redeemed"]:
            return 0, 0
        paid = sum(tender["amount"] for tender in sale["tenders"] if tender["kind"] == "POINTS")
        before = sum(line["total"] for line in sale["refunded"])
        after = min(paid, before + total)
        whole = after // (paid // sale["_redeemed"])
        return whole - sale["_returned"], after - min(paid, before)

    @staticmethod
    def _earned(sale: Record, more: int) -> int:
        """Points that the sale has earned when so much more of it is given back."""
        total = sale["totals"]["total"]
        left = total - sum(line["total"] for line in sale["refunded"]) - more
        return int(sale["points_earned"] * left // total) if total else 0

    def _check_kind(self, kind: str, money: int, shift: Record, customer: Record | None) -> None:
        if kind not in TENDER_KINDS:
            raise self.required("refund.kind")
        if kind == "POINTS" or (kind == "CREDIT" and customer is None):
            raise refuse_field("FIELD_OUT_OF_RANGE", "refund.kind")
        if kind == "CREDIT" and customer is not None:
            self.sum_grows("refund.kind", customer["credit"], money)
        if kind == "CASH" and shift["expected_cash"] < money:
            raise refuse_field("DRAWER_TOO_LOW", "refund.kind")

    def _take_back(self, refund: Record) -> None:
        """The goods are on hand, or written off; the sale keeps what came back of each line."""
        sale = self.sales[refund["sale_id"]]
        sale["refunded"] = sale["refunded"] or [{"quantity": 0, "total": 0} for _ in sale["lines"]]
        sale["_returned"] += refund["points_returned"]
        for line in refund["lines"]:
            goods, back = line["goods"], sale["refunded"][line["line"]]
            back["quantity"] += goods["quantity"]
            back["total"] += goods["total"]
            self.move(goods["item_id"], goods["location_id"], 0 if line["damaged"] else goods["quantity"])
            self.count("UNITS_REFUNDED", goods["quantity"])
            if line["damaged"]:
                self.count("UNITS_ADJUSTED", -goods["quantity"])

    def _pay_out(self, refund: Record) -> None:
        shift, totals = self.shifts[refund["shift_id"]], refund["totals"]
        shift["refund_count"] += 1
        shift["refund_total"] += totals["total"]
        shift["refund_tax_total"] += totals["tax"]
        shift["refund_tenders"] = self.by_kind(shift["refund_tenders"], refund["tenders"])
        self._expect(shift)
        self.count("SALES_REFUNDED", amount=totals["total"])
        for metric, name in (("TAX_REFUNDED", "tax"), ("DISCOUNTS_REFUNDED", "discount")):
            self.count(metric, int(totals[name] != 0), totals[name])
        for tender in refund["tenders"]:
            self.count(f"REFUNDS_{tender['kind']}", amount=tender["amount"])
            if tender["kind"] == "CREDIT":
                self.credit(refund["customer_id"], tender["amount"])
        if points := refund["points_returned"] - refund["points_taken"]:
            customer = self.customers[refund["customer_id"]]
            customer["points"] += points
            customer["version"] += 1
