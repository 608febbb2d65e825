"""The model itself: what it says of simple stories, and that a difference is seen.

Goal: a model that is wrong, or a comparison that sees nothing, proves nothing about the shop. Method: stories
with the numbers worked out by hand; replies changed in one place.
"""

from typing import Any

import pytest

from kasir.v1 import booking_pb2, common_pb2, stock_pb2
from tests.model.base import HOUR_MS, Record, Refused, half_up
from tests.model.catalogue import canonical, has_wrong_check_digit
from tests.model.plain import plain, public
from tests.model.shop import Shop
from tests.properties.driver import METHODS, differences

OPEN_MS = 1_795_000_000_000
LINE: Record = {"location_id": 1, "item_id": 1, "quantity": 1, "discount": None}
BOOKING: Record = {
    "customer_id": 0,
    "customer_name": "Dewi",
    "customer_phone": "0812345678",
    "customer_email": "",
    "address": None,
    "lines": [LINE],
    "channel": "CHAT",
    "price_list": "",
    "shipping": None,
    "courier_id": 0,
    "courier_service": "",
    "bank_account_id": 1,
    "expire_time": None,
    "note": "",
}


class Story:
    """A shop with one item of 11,100 rupiah, PPN 11 % contained, two units of it, and a bank account."""

    def __init__(self) -> None:
        self.shop = Shop()
        self.now = OPEN_MS
        mode = {"code": "PPN11", "name": "PPN 11%", "rate_basis_points": 1_100, "mode": "INCLUSIVE"}
        self("CreateTaxClass", tax_class={"tax_class_id": 0, **mode})
        for code, kind in (("GUDANG", "WAREHOUSE"), ("CS", "CS_DESK")):
            self("CreateLocation", location={"code": code, "name": code, "kind": kind})
        price = {"price_list": "retail", "min_quantity": 1, "amount": 1_110_000}
        item = {
            "sku": "A",
            "name": "A",
            "barcodes": ["B-1"],
            "prices": [price],
            "tax_class_id": 1,
            "inactive": False,
        }
        self("CreateItem", item=item)
        self("ReceiveStock", location_id=1, lines=[{"item_id": 1, "quantity": 2}], reference="")
        account = {"bank": "BCA", "number": "1", "holder": "Toko", "currency_code": "IDR"}
        codes = {"unique_code_min": 5, "unique_code_max": 6, "unique_code_subtracts": False}
        codes |= {"matching_rules": None}
        self("CreateBankAccount", bank_account=account | codes)

    def __call__(self, method: str, **request: Any) -> Record:
        return self.shop.call(method, request, self.now, "sari")

    def book(self, **fields: Any) -> Record:
        order: Record = self("CreateBooking", booking=BOOKING | fields)["order"]
        return order

    def bank(self, minor_units: int) -> int:
        row = {
            "date": "2026-11-22",
            "amount": minor_units,
            "balance": None,
            "description": "TRSF",
            "occurrence": 0,
        }
        more = {"bank_reference": "", "pending": False, "value_date": "", "counterparty": ""}
        rows = [row | more]
        reply = self("ImportMutations", bank_account_id=1, mutations=rows)
        mutation_id: int = reply["mutation_ids"][0]
        return mutation_id

    def propose(self, mutation_id: int, order: Record, decision: str = "AUTO") -> Record:
        """The matcher says that this mutation pays this order."""
        version = self.shop.orders[order["order_id"]]["version"]
        part = {
            "order_id": order["order_id"],
            "amount": order["payable"],
            "order_version": version,
            "write_off": None,
        }
        proposal = {"decision": decision, "allocations": [part], "joined_mutation_ids": []}
        self.shop.proposals_made = {mutation_id: proposal}
        return self("ProposeMatches", bank_account_id=1)

    def propose_together(self, amounts: dict[int, int], order: Record) -> Record:
        """The matcher says that these mutations pay this order together."""
        version = self.shop.orders[order["order_id"]]["version"]
        for mutation_id, amount in amounts.items():
            part = {"order_id": order["order_id"], "amount": amount, "order_version": version}
            self.shop.proposals_made[mutation_id] = {
                "decision": "AUTO",
                "allocations": [part | {"write_off": None}],
                "joined_mutation_ids": [each for each in amounts if each != mutation_id],
            }
        return self("ProposeMatches", bank_account_id=1)

    def stock(self) -> tuple[int, int]:
        stock = self.shop.stock(1, 1)
        return stock["on_hand"], stock["held"]


def test_a_booking_is_totalled_and_claimed_with_a_unique_code() -> None:
    story = Story()
    order = story.book()
    assert order["totals"] == {
        "goods": 1_110_000,
        "discount": 0,
        "tax": 110_000,
        "tax_added": 0,
        "shipping": 0,
        "total": 1_110_000,
    }
    assert (order["unique_code"], order["payable"]) == (5, 1_110_500)
    assert order["expire_time"] == OPEN_MS + 3 * HOUR_MS
    assert story.stock() == (2, 1)
    assert story.book()["unique_code"] == 6
    story.now += 1
    with pytest.raises(Refused, match="OUT_OF_STOCK"):
        story.book()
    assert story.shop.totals[story.shop.day()]["ORDERS_BOOKED"] == [2, 2 * 1_110_000 + 1_100]


def test_codes_that_are_used_up_are_taken_from_closed_orders_only() -> None:
    story = Story()
    first, _ = story.book(), story.book()
    story("ReceiveStock", location_id=1, lines=[{"item_id": 1, "quantity": 1}], reference="")
    with pytest.raises(Refused, match="UNIQUE_CODES_EXHAUSTED"):
        story.book()
    story("CancelBooking", order_id=first["order_id"], reason="")
    assert story.book()["payable"] == first["payable"]


def test_an_order_expires_and_late_money_books_it_again_while_the_goods_are_free() -> None:
    story = Story()
    order = story.book(expire_time=OPEN_MS + 50)
    story.now = OPEN_MS + 49
    story.shop.advance(story.now)
    assert story.shop.orders[1]["state"] == "BOOKED"
    story.now = OPEN_MS + 50
    story.shop.advance(story.now)
    assert (story.shop.orders[1]["state"], story.stock()) == ("EXPIRED", (2, 0))

    mutation_id = story.bank(order["payable"])
    assert story.propose(mutation_id, order)["auto"] == 1
    reply = story("ConfirmMatches", bank_account_id=1, mutation_ids=[mutation_id], all_auto=False)
    assert reply["results"][0]["order_state"] == "PAID"
    assert story.stock() == (2, 1)

    # Taken back after the deadline: the claim ends again.
    story("UndoMatch", mutation_id=mutation_id)
    assert (story.shop.orders[1]["state"], story.stock()) == ("EXPIRED", (2, 0))
    # And when the goods are gone, the money is to be paid back.
    story("AdjustStock", location_id=1, lines=[{"item_id": 1, "quantity": -2}], reason="broken")
    allocation = {"order_id": 1, "amount": order["payable"], "write_off": None}
    no_credit = {"credit_remainder": False, "credit_customer_id": 0}
    story("MatchMutation", mutation_id=mutation_id, allocations=[allocation], **no_credit)
    assert story.shop.orders[1]["state"] == "REFUND_DUE"
    story.shop.invariants()


def test_mutations_that_pay_one_order_together_are_confirmed_together_and_told_once() -> None:
    story = Story()
    order = story.book()
    amounts = {story.bank(part): part for part in (400_000, order["payable"] - 400_000)}
    assert story.propose_together(amounts, order)["auto"] == 2
    first, second = amounts
    confirm = {"bank_account_id": 1, "all_auto": False}
    results = story("ConfirmMatches", mutation_ids=[second, first, second], **confirm)["results"]
    assert [(each["mutation_id"], each["order_state"]) for each in results] == [
        (first, "PAID"),
        (second, "PAID"),
    ]
    again = story("ConfirmMatches", mutation_ids=[first, first], **confirm)["results"]
    assert [each["error"]["reason"] for each in again] == ["WRONG_STATE"]
    story.shop.invariants()


def test_a_drop_order_moves_custody_with_its_claim_and_back() -> None:
    story = Story()
    asked = {
        "item_id": 1,
        "quantity": 2,
        "from_location_id": 1,
        "to_location_id": 2,
        "note": "",
        "expire_time": None,
    }
    story("RequestDropOrder", **asked)
    assert (story.stock(), story.shop.stock(1, 2)["held"]) == ((2, 2), 0)
    story("HandOverDropOrder", drop_order_id=1, barcode="B-1")
    assert (story.stock(), story.shop.stock(1, 2)["held"]) == ((0, 0), 2)
    line = {"drop_order_id": 1, "item_id": 1, "quantity": 2, "discount": None}
    story.book(lines=[line])
    story("CancelBooking", order_id=1, reason="")
    assert story.shop.drop_orders[1]["state"] == "RETURN_DUE"
    assert (story.shop.stock(1, 2)["on_hand"], story.shop.stock(1, 2)["held"]) == (2, 0)
    story("ReturnDropOrder", drop_order_id=1, barcode="B-1")
    assert (story.stock(), story.shop.stock(1, 2)["on_hand"]) == ((2, 0), 0)
    story.shop.invariants()


def test_a_hold_that_fell_due_is_gone() -> None:
    story = Story()
    hold = {"item_id": 1, "location_id": 1, "quantity": 2, "owner": "", "expire_time": OPEN_MS + 10}
    story("CreateHold", hold=hold)
    story.now += 10
    with pytest.raises(Refused, match="HOLD_NOT_FOUND"):
        story("ReleaseHold", hold_id=1)
    assert story.stock() == (2, 0)


def test_half_up_and_check_digits_are_those_of_the_rules() -> None:
    assert [half_up(n, 2) for n in range(5)] == [0, 1, 1, 2, 2]
    assert half_up(11_100 * 1_100, 11_100) == 1_100
    for right in ("4006381333931", "96385074", "036000291452", "10012345678902", "ABC-1", "12345"):
        assert not has_wrong_check_digit(right), right
    assert has_wrong_check_digit("4006381333932")
    assert canonical("036000291452") == "0036000291452"
    assert canonical("08991002101234") == "8991002101234"
    assert canonical("00000096385074") == canonical("0000096385074") == canonical("96385074") == "96385074"
    assert canonical("10012345678902") == "10012345678902"


def test_messages_become_plain_dicts() -> None:
    hold = stock_pb2.Hold(hold_id=7, quantity=2)
    hold.expire_time.FromMilliseconds(1_500)
    assert plain(hold) == {
        "hold_id": 7,
        "item_id": 0,
        "location_id": 0,
        "quantity": 2,
        "owner": "",
        "expire_time": 1_500,
        "create_time": None,
        "replaced_hold_id": 0,
    }
    line = booking_pb2.OrderLineInput(
        hold_id=3, discount=common_pb2.Money(currency_code="USD", minor_units=5)
    )
    assert plain(line) == {"hold_id": 3, "item_id": 0, "quantity": 0, "discount": ("USD", 5)}
    assert plain(stock_pb2.Location(kind=stock_pb2.LOCATION_KIND_CS_DESK))["kind"] == "CS_DESK"
    assert plain(stock_pb2.Location())["kind"] == ""
    assert public({"a": [{"_b": 1, "c": 2}], "_d": 3}) == {"a": [{"c": 2}]}


def test_every_command_of_the_contract_has_its_answer_in_the_model() -> None:
    commands = {
        name for name, method in METHODS.items() if "request_id" in method.request.DESCRIPTOR.fields_by_name
    }
    answered = {name.title().replace("_", "") for name in dir(Shop) if not name.startswith("_")}
    # A file of a bank becomes rows by Python's readers, which have tests of their own.
    assert commands - answered == {"ImportStatement"} & commands


@pytest.mark.parametrize(
    ("shown", "where"),
    [
        ({"a": 1, "b": [{"c": 2}]}, ""),
        ({"a": 1, "b": [{"c": 3}]}, ".b[0].c"),
        ({"a": 1, "b": []}, ".b"),
        ({"a": 1}, ".b"),
        ({"a": 1, "b": [{"c": 2}], "d": 0}, ".d"),
    ],
)
def test_a_difference_is_seen_and_named(shown: Record, where: str) -> None:
    lines = differences({"a": 1, "b": [{"c": 2}]}, shown)
    assert [line.split(":")[0] for line in lines] == ([where] if where else [])
