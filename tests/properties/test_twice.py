"""Every command sent twice.

Goal: whatever is asked, asking again with the same id has no second effect and gets the same bytes back,
and the same id with another body is refused. Method: a story in which every command of the contract
occurs, each sent twice, and once more with another body; the model says what must come out, the journal
how often it was done.
"""

from collections import Counter
from typing import Any

import pytest

from kasir.v1 import (
    booking_pb2,
    common_pb2,
    customer_pb2,
    print_pb2,
    reconciliation_pb2,
    sale_pb2,
    shipping_pb2,
    stock_pb2,
    till_pb2,
)
from tests.model.base import Record
from tests.properties.driver import Driver, now_ms
from tests.properties.inputs import ADDRESS, day, money, timestamp
from tests.properties.shop_base import DESK, SHOP, WAREHOUSE, item, open_shop

HOUR_MS = 3_600_000


class Twice:
    """Sends each request twice under its id, then another body under the same id."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.sent: Counter[str] = Counter()

    def __call__(self, name: str, **fields: Any) -> Record:
        reply = self.driver.send(name, again="same", **fields)
        assert reply is not None, f"{name} is part of the story and must not be refused"
        self.driver.send_other_body(self.driver.accepted[-1])
        self.sent[name] += 1
        return reply


def booking(**fields: Any) -> booking_pb2.BookingInput:
    line = booking_pb2.OrderLineInput(location_id=WAREHOUSE, item_id=1, quantity=1)
    usual = {
        "customer_name": "Dewi",
        "customer_phone": "081234567801",
        "lines": [line],
        "channel": common_pb2.CHANNEL_CHAT,
    }
    return booking_pb2.BookingInput(**usual | fields)


def set_up(send: Twice) -> None:
    open_shop(send)
    line = stock_pb2.StockLine(item_id=1, quantity=40)
    send("ReceiveStock", location_id=WAREHOUSE, lines=[line])
    settings = send.driver.ask("GetSettings").settings
    settings.shop_name = "Toko Dewi"
    send("UpdateSettings", settings=settings)
    changed = item(1, ["4006381333931"], 12_000_00)
    changed.sku, changed.item_id, changed.version = "SKU-0", 1, 1
    send("UpdateItem", item=changed)
    send("BatchCreateItems", items=[item(7, ["X-7"], 100), item(7, [], 100)])
    count = stock_pb2.StockLine(item_id=1, quantity=-1)
    send("AdjustStock", location_id=WAREHOUSE, lines=[count], reason="count")
    moved = stock_pb2.StockLine(item_id=1, quantity=2)
    send("TransferStock", from_location_id=WAREHOUSE, to_location_id=SHOP, lines=[moved])
    hold = stock_pb2.Hold(item_id=1, location_id=WAREHOUSE, quantity=1)
    send("CreateHold", hold=hold)
    send("BatchCreateHolds", holds=[hold, hold])
    send("ReleaseHold", hold_id=1)
    send("CreateCustomer", customer=customer_pb2.Customer(name="Agus", phone="0811111111"))
    customer = customer_pb2.Customer(customer_id=1, name="Agus B", phone="0811111111", version=1)
    send("UpdateCustomer", customer=customer)
    send("CreateCustomer", customer=customer_pb2.Customer(name="Citra", phone="0811111112"))
    send("EraseCustomer", customer_id=2, version=1)


def drop_orders(send: Twice) -> None:
    asked = {"item_id": 1, "quantity": 1, "from_location_id": WAREHOUSE, "to_location_id": DESK}
    for _ in range(4):
        send("RequestDropOrder", **asked)
    send("RejectDropOrder", drop_order_id=1, reason="broken")
    send("CancelDropOrder", drop_order_id=2)
    for drop_order_id in (3, 4):
        send("HandOverDropOrder", drop_order_id=drop_order_id, barcode="4006381333931")
    send("ReleaseDropOrder", drop_order_id=3)
    send("ReturnDropOrder", drop_order_id=3, barcode="4006381333931")
    line = booking_pb2.OrderLineInput(drop_order_id=4, item_id=1, quantity=1)
    send("CreateBooking", booking=booking(lines=[line]))
    send("CancelBooking", order_id=1, reason="changed their mind")


def money_comes(send: Twice) -> None:
    sent = booking(address=ADDRESS, courier_id=1, bank_account_id=1)
    orders = [
        result["order"] for result in send("BatchCreateBookings", bookings=[sent, sent, sent])["results"]
    ]
    deadline = timestamp(now_ms() + HOUR_MS)
    for order in orders:
        send("ExtendBooking", order_id=order["order_id"], version=1, expire_time=deadline)
    rows = [
        reconciliation_pb2.MutationInput(date=day(0), amount=money(amount), description=f"TRSF {number}")
        for number, amount in enumerate([orders[0]["payable"], orders[1]["payable"] + 500, 7, 300, 400])
    ]
    send("ImportMutations", bank_account_id=1, mutations=rows)
    rules = reconciliation_pb2.MatchingRules(write_off_max=money(6_500_00))
    send("SetMatchingRules", bank_account_id=1, matching_rules=rules)
    columns = 'columns = { date = "Tanggal", amount = "Jumlah" }'
    mapping = reconciliation_pb2.ColumnMapping(bank_account_id=1, name="jago", mapping=columns)
    send("SaveColumnMapping", column_mapping=mapping)
    send("DeleteColumnMapping", column_mapping_id=1)
    send("ProposeMatches", bank_account_id=1)
    send("ConfirmMatches", bank_account_id=1, all_auto=True)
    part = reconciliation_pb2.MutationAllocation(order_id=3, amount=money(orders[1]["payable"]))
    send("MatchMutation", mutation_id=2, allocations=[part], credit_remainder=True)
    send("UndoMatch", mutation_id=2)
    send("IgnoreMutation", mutation_id=3, reason="interest")
    send("JoinMutations", mutation_ids=[4, 5], order_id=4)
    for order, amount in ((orders[1], orders[1]["payable"]), (orders[2], 100)):
        send("RecordPayment", order_id=order["order_id"], amount=money(amount), method="cash")
    send("CancelBooking", order_id=4, reason="no")
    send("RefundOrder", order_id=4, reference="TRF-9")


def goods_leave(send: Twice) -> None:
    send("CreateSales", all_paid=True, shift_id=1)
    line = till_pb2.TillLineInput(item_id=1, quantity=1)
    cash = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CASH, amount=money(100_000_00))
    send("CreateTillSale", sale=till_pb2.TillSaleInput(shift_id=1, lines=[line]), tenders=[cash])
    back = till_pb2.RefundLineInput(line=0, quantity=1)
    refund = till_pb2.RefundInput(
        shift_id=1,
        sale_id=max(send.driver.model.sales),
        lines=[back],
        kind=sale_pb2.TENDER_KIND_CASH,
        reason="wrong size",
        approved_by="Budi",
    )
    send("RefundSale", refund=refund)
    send("RecordCashMovement", shift_id=1, amount=money(5_000_00), reason="change")
    send("CloseShift", shift_id=1, counted_cash=money(100_000_00))
    states = shipping_pb2.AirwayBillState
    refused = {"parcel_id": 1, "state": states.AIRWAY_BILL_STATE_FAILED, "detail": "closed"}
    send("ReportAirwayBill", **refused)
    send("RequestAirwayBill", parcel_id=1)
    given = {"parcel_id": 1, "state": states.AIRWAY_BILL_STATE_ASSIGNED, "airway_bill": "JP1"}
    send("ReportAirwayBill", **given)
    send("ReportAirwayBill", parcel_id=2, state=states.AIRWAY_BILL_STATE_FAILED)
    send("AssignAirwayBill", parcel_id=2, airway_bill="JP2", courier_id=2)
    labels = send("PrintLabels", all_unprinted=True)["print_job_ids"]
    send("HandOverParcel", airway_bill="JP1")
    send("CreateManifest", parcel_ids=[1])
    send("DeliverParcel", parcel_id=1)
    report = print_pb2.PrintReport
    send("ReportPrintJob", report=report(print_job_id=1, state=print_pb2.PRINT_JOB_STATE_UNKNOWN))
    reports = [report(print_job_id=job, state=print_pb2.PRINT_JOB_STATE_PRINTED) for job in labels]
    send("BatchReportPrintJobs", reports=reports)
    send("SettlePrintJob", print_job_id=1, printed=False)
    send("ReprintDocument", print_job_id=labels[0], reason="torn")
    send("ReportMessage", message_id=1, state=customer_pb2.MESSAGE_STATE_SENT, detail="ok")


def test_every_command_sent_twice_has_one_effect_and_the_same_bytes_back(engine, channel, capsys) -> None:
    send = Twice(Driver(engine, channel))
    for part in (set_up, drop_orders, money_comes, goods_leave):
        part(send)
        send.driver.settle()

    asked = sum(send.sent.values())
    status = engine.status()
    assert (status["commands"], status["repeated"]) == (asked, asked)
    assert send.sent.keys() == {method.rsplit("/", 1)[1] for method in engine.commands}
    found = engine.verify()
    assert found["ok"], found["violations"]
    with capsys.disabled():
        print(
            f"\n{asked} requests, all {len(send.sent)} kinds of command, each sent twice: {asked} effects, "
            "the same bytes back each time; another body under their ids: refused each time"
        )


def test_a_story_that_sends_nothing_twice_would_be_seen(engine, channel) -> None:
    driver = Driver(engine, channel)
    location = stock_pb2.Location(code="A", name="A", kind=stock_pb2.LOCATION_KIND_SHOP)
    driver.send("CreateLocation", location=location)
    sent = driver.accepted[-1]
    forged = type(sent)(sent.path, sent.request, sent.actor, sent.reply + b"\x00")
    with pytest.raises(AssertionError, match="gave another reply"):
        driver.repeat(forged)
