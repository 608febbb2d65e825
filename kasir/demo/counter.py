"""The tills: cashiers who scan, quote, take cash, cards and QR, count their drawer and close."""

import random
from collections.abc import Callable, Sequence

from clients.common.shop import Shop
from kasir.demo.opening import Facts, money, rupiah
from kasir.demo.plan import Wish
from kasir.demo.stage import DemoFailed, Stage
from kasir.v1.catalogue_pb2 import GetItemRequest, GetItemResponse
from kasir.v1.sale_pb2 import (
    TENDER_KIND_CARD,
    TENDER_KIND_CASH,
    TENDER_KIND_QR,
    Tender,
    TenderKind,
)
from kasir.v1.till_pb2 import (
    CloseShiftRequest,
    CloseShiftResponse,
    CreateTillSaleRequest,
    CreateTillSaleResponse,
    OpenShiftRequest,
    OpenShiftResponse,
    QuoteTillSaleRequest,
    QuoteTillSaleResponse,
    RecordCashMovementRequest,
    RecordCashMovementResponse,
    Shift,
    TillLineInput,
    TillSaleInput,
)

CASHIERS = ("kasir-ani", "kasir-dian")
OPENING_CASH = 500_000
# What the second cashier gave back too much during the day
SHORT_BY = 5_000
# Notes that customers pay with: the total is rounded up to one of these.
NOTES = (5_000, 20_000, 50_000, 100_000)
MINOR = 100


def open_shift(shop: Shop, till_id: int, cash: int) -> Shift:
    """Opens a shift with so many rupiah in the drawer."""
    request = OpenShiftRequest(till_id=till_id, opening_cash=rupiah(cash))
    return shop.call(request, OpenShiftResponse).shift


def close_shift(shop: Shop, shift_id: int, counted_minor: int, difference_minor: int) -> Shift:
    """Closes a shift with what was counted. Raises DemoFailed when the server expected something else."""
    request = CloseShiftRequest(shift_id=shift_id, counted_cash=money(counted_minor))
    shift = shop.call(request, CloseShiftResponse).shift
    if shift.difference.minor_units != difference_minor:
        raise DemoFailed(
            f"Shift {shift_id} closed with a difference of {shift.difference.minor_units} minor units; "
            f"the drawer says {difference_minor}."
        )
    return shift


class Till:
    """One till, from its opening to the Z report."""

    def __init__(self, stage: Stage, facts: Facts, number: int, seed: int) -> None:
        """`number`: which till, from 0."""
        self.stage, self.facts, self.number = stage, facts, number
        self.rng = random.Random(f"till/{seed}/{number}")
        self.cash_minor = 0

    def work(self, carts: Sequence[Sequence[Wish]], on_sale: Callable[[], None]) -> Shift:
        """Sells every cart, brings cash to the bank in between, and closes. Returns the Z report."""
        with self.stage.shop(CASHIERS[self.number]) as shop:
            shift = open_shift(shop, self.facts.tills[self.number], OPENING_CASH)
            self.cash_minor = OPENING_CASH * MINOR
            for count, cart in enumerate(carts):
                self._sell(shop, shift.shift_id, cart)
                on_sale()
                if count == len(carts) // 2:
                    self._bring_to_the_bank(shop, shift.shift_id)
            short_minor = SHORT_BY * MINOR if self.number else 0
            self.stage.ledger.add("cash_short_minor", short_minor)
            return close_shift(shop, shift.shift_id, self.cash_minor - short_minor, -short_minor)

    def _sell(self, shop: Shop, shift_id: int, wishes: Sequence[Wish]) -> None:
        lines = []
        for wish in wishes:
            scanned = shop.call(GetItemRequest(barcode=wish.good.barcode), GetItemResponse).item.item
            discount = rupiah(wish.discount_rupiah) if wish.discount_rupiah else None
            lines.append(TillLineInput(item_id=scanned.item_id, quantity=wish.quantity, discount=discount))
        cart = TillSaleInput(shift_id=shift_id, lines=lines)
        total_minor = shop.call(
            QuoteTillSaleRequest(sale=cart), QuoteTillSaleResponse
        ).totals.total.minor_units
        tenders = self._tenders(total_minor)
        sale = shop.call(CreateTillSaleRequest(sale=cart, tenders=tenders), CreateTillSaleResponse).sale
        change_minor = sum(tender.amount.minor_units for tender in tenders) - total_minor
        if sale.totals.total.minor_units != total_minor or sale.change.minor_units != change_minor:
            raise DemoFailed(f"Sale {sale.sale_id} is not what was quoted.")
        self.cash_minor += sum(
            tender.amount.minor_units for tender in tenders if tender.kind == TENDER_KIND_CASH
        )
        self.cash_minor -= change_minor
        self.stage.ledger.add("till_sales")
        self.stage.ledger.add("till_sales_minor", total_minor)
        self.stage.ledger.add("units_sold", sum(wish.quantity for wish in wishes))

    def _tenders(self, total_minor: int) -> list[Tender]:
        way = self.rng.choices(("cash", "card", "qr", "qr and cash"), weights=(55, 20, 20, 5))[0]
        if way == "card":
            return [self._tender(TENDER_KIND_CARD, total_minor, f"APPR-{self.rng.randrange(10**6):06d}")]
        if way == "qr":
            return [self._tender(TENDER_KIND_QR, total_minor, self._qr())]
        if way == "qr and cash" and total_minor > 2_000 * MINOR:
            by_qr = total_minor // (2_000 * MINOR) * 1_000 * MINOR
            return [self._tender(TENDER_KIND_QR, by_qr, self._qr()), self._cash(total_minor - by_qr)]
        return [self._cash(total_minor)]

    def _qr(self) -> str:
        return f"QRIS-{self.rng.randrange(10**8):08d}"

    def _cash(self, due_minor: int) -> Tender:
        note_minor = self.rng.choice(NOTES) * MINOR
        return self._tender(TENDER_KIND_CASH, -(-due_minor // note_minor) * note_minor)

    @staticmethod
    def _tender(kind: TenderKind.ValueType, minor_units: int, reference: str = "") -> Tender:
        return Tender(kind=kind, amount=money(minor_units), reference=reference)

    def _bring_to_the_bank(self, shop: Shop, shift_id: int) -> None:
        """Whole hundred thousands above what the drawer began with."""
        above_minor = self.cash_minor - OPENING_CASH * MINOR
        out_minor = above_minor // (100_000 * MINOR) * (100_000 * MINOR)
        if out_minor <= 0:
            return
        request = RecordCashMovementRequest(
            shift_id=shift_id, amount=money(-out_minor), reason="Setor ke bank"
        )
        shop.call(request, RecordCashMovementResponse)
        self.cash_minor -= out_minor
