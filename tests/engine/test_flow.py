"""A sale from the catalogue to the courier and a till's day, through the engine alone.

Goal: every kind of message crosses in both directions with its fields in their places. Method: the shop is
worked as its staff do, and what comes back is compared with what went in and what must follow from it.
"""

import datetime as dt
import time

from google.protobuf.timestamp_pb2 import Timestamp

from kasir.v1 import (
    admin_pb2,
    booking_pb2,
    catalogue_pb2,
    common_pb2,
    customer_pb2,
    drop_order_pb2,
    print_pb2,
    reconciliation_pb2,
    report_pb2,
    sale_pb2,
    shipping_pb2,
    stock_pb2,
    till_pb2,
)
from tests.engine.desk import BARCODE, idr


def level(shop, location_id, item_id=None):
    stocks = shop("GetStock", item_id=item_id or shop.item_id).stocks
    found = [stock for stock in stocks if stock.location_id == location_id]
    return (found[0].on_hand, found[0].held, found[0].available) if found else (0, 0, 0)


def seconds_from_now(seconds: int) -> Timestamp:
    return Timestamp(seconds=int(time.time()) + seconds)


def test_the_catalogue_comes_back_as_it_was_told(shop):
    item = shop("GetItem", sku="TAS-01").item
    assert item.item.name == "Tas TAS-01"
    assert item.item.prices == [catalogue_pb2.Price(price_list="retail", min_quantity=1, amount=idr(111_000))]
    assert (item.item.tax_class_id, item.item.weight_grams, item.item.version) == (shop.tax_class_id, 250, 1)
    assert abs(item.item.create_time.seconds - time.time()) < 60
    assert item.available_total == 100
    for way in ({"item_id": shop.item_id}, {"barcode": BARCODE}):
        assert shop("GetItem", **way).item == item
    assert shop("FindItems", query="tas", in_stock_only=True).items == [item]

    changed = catalogue_pb2.Item()
    changed.CopyFrom(item.item)
    changed.name, changed.reorder_point = "Tas kulit", 5
    assert shop("UpdateItem", item=changed).item.version == 2
    stale = shop.refused("UpdateItem", item=changed)
    assert (stale.code.name, stale.reason) == ("ABORTED", "VERSION_STALE")

    other = shop.item("TAS-02", "8991002105430")
    line = stock_pb2.StockLine(item_id=other, quantity=3)
    shop("ReceiveStock", location_id=shop.floor_id, lines=[line])
    assert [found.item.item_id for found in shop("ListAlternatives", item_id=shop.item_id).items] == [other]
    [tax_class] = shop("ListTaxClasses").tax_classes
    assert (tax_class.code, tax_class.rate_basis_points) == ("PPN11", 1100)
    assert tax_class.mode == catalogue_pb2.TAX_MODE_INCLUSIVE


def test_pages_go_on_where_they_ended(shop):
    made = [shop.item(f"S-{number}", f"CODE{number}") for number in range(5)]
    first = shop("ListItems", page_size=4)
    second = shop("ListItems", page_size=4, page_token=first.next_page_token)
    assert [item.item_id for item in [*first.items, *second.items]] == [shop.item_id, *made]
    assert (len(first.items), second.next_page_token) == (4, "")
    for name in ("ListItems", "ListBookings", "ListSales", "ListParcels", "ListPrintJobs", "ListCustomers"):
        refused = shop.refused(name, page_token="?")
        assert (refused.reason, refused.field) == ("FIELD_MALFORMED", "page_token"), name
        refused = shop.refused(name, page_size=-1)
        assert (refused.reason, refused.field) == ("FIELD_OUT_OF_RANGE", "page_size"), name


def test_a_chat_sale_from_drop_order_to_delivery(shop):
    courier = shop(
        "CreateCourier", courier=shipping_pb2.Courier(code="JNE", name="JNE", connected=True)
    ).courier
    assert shop("ListCouriers").couriers == [courier]

    drop = shop(
        "RequestDropOrder",
        item_id=shop.item_id,
        quantity=2,
        from_location_id=shop.warehouse_id,
        to_location_id=shop.desk_id,
        note="untuk Siti",
    ).drop_order
    assert (drop.state, drop.requested_by, drop.note) == (
        drop_order_pb2.DROP_ORDER_STATE_REQUESTED,
        "sari",
        "untuk Siti",
    )
    assert level(shop, shop.warehouse_id) == (100, 2, 98)
    shop("HandOverDropOrder", drop_order_id=drop.drop_order_id, barcode=BARCODE)
    assert level(shop, shop.desk_id) == (2, 2, 0)

    line = booking_pb2.OrderLineInput(
        drop_order_id=drop.drop_order_id, item_id=shop.item_id, quantity=2, discount=idr(22_000)
    )
    booking = shop.booking(
        lines=[line],
        shipping=idr(9_000),
        courier_id=courier.courier_id,
        courier_service="REG",
        expire_time=seconds_from_now(3_600),
        note="bungkus kado",
    )
    quote = shop("QuoteBooking", booking=booking)
    order = shop("CreateBooking", booking=booking).order
    assert (quote.lines, quote.totals) == (order.lines, order.totals)
    assert order.totals == booking_pb2.Totals(
        goods=idr(222_000),
        discount=idr(22_000),
        tax=common_pb2.Money(currency_code="IDR", minor_units=1_981_982),
        tax_added=idr(0),
        shipping=idr(9_000),
        total=idr(209_000),
    )
    assert order.payable == idr(209_000 + order.unique_code)
    assert (order.expire_time, order.note) == (booking.expire_time, "bungkus kado")
    assert (order.lines[0].drop_order_id, order.lines[0].location_id) == (drop.drop_order_id, shop.desk_id)
    [customer] = shop("ListCustomers").customers
    assert (customer.customer_id, customer.credit) == (order.customer_id, idr(0))
    assert shop("GetCustomer", phone="+62 812 3456 7890").customer == customer

    today = dt.datetime.now(dt.timezone(dt.timedelta(hours=7))).date().isoformat()
    row = reconciliation_pb2.MutationInput(date=today, amount=order.payable, description="TRSF SITI")
    imported = shop("ImportMutations", bank_account_id=shop.account_id, mutations=[row])
    assert (imported.new_rows, len(imported.mutation_ids)) == (1, 1)
    proposed = shop("ProposeMatches", bank_account_id=shop.account_id)
    assert (proposed.auto, proposed.unmatched) == (1, 0)
    mutation = shop("GetMutation", mutation_id=imported.mutation_ids[0]).mutation
    assert mutation.state == reconciliation_pb2.MUTATION_STATE_PROPOSED
    assert mutation.proposal.allocations[0].amount == order.payable
    [confirmed] = shop("ConfirmMatches", bank_account_id=shop.account_id, all_auto=True).results
    assert (confirmed.order_ids, confirmed.order_state) == ([order.order_id], booking_pb2.ORDER_STATE_PAID)
    paid = shop("GetBooking", order_id=order.order_id).order
    assert (paid.paid, paid.allocations[0].mutation_id) == (order.payable, mutation.mutation_id)

    [sold] = shop("CreateSales", all_paid=True).results
    assert (sold.order_id, sold.HasField("error")) == (order.order_id, False)
    assert shop("GetSale", sale_id=sold.sale.sale_id).sale == sold.sale
    assert sold.sale.unique_code_amount == idr(order.unique_code)
    assert level(shop, shop.desk_id) == (0, 0, 0)

    parcel = shop("GetParcel", order_id=order.order_id).parcel
    assert (parcel.airway_bill_state, parcel.weight_grams) == (
        shipping_pb2.AIRWAY_BILL_STATE_REQUESTED,
        500,
    )
    assert shop("PrintLabels", all_unprinted=True).waiting_parcel_ids == [parcel.parcel_id]
    assigned = shop(
        "ReportAirwayBill",
        parcel_id=parcel.parcel_id,
        state=shipping_pb2.AIRWAY_BILL_STATE_ASSIGNED,
        airway_bill="JP0001",
        detail="ok",
    ).parcel
    assert (assigned.airway_bill, assigned.airway_bill_detail) == ("JP0001", "ok")
    queued = shop("PrintLabels", all_unprinted=True)
    assert queued.queued_parcel_ids == [parcel.parcel_id]
    job = shop("GetPrintJob", print_job_id=queued.print_job_ids[0]).job
    assert (job.kind, job.WhichOneof("document")) == (print_pb2.DOCUMENT_KIND_ADDRESS_LABEL, "parcel")
    assert job.parcel.airway_bill == "JP0001"
    report = print_pb2.PrintReport(print_job_id=job.print_job_id, state=print_pb2.PRINT_JOB_STATE_PRINTED)
    assert shop("ReportPrintJob", report=report).job.state == print_pb2.PRINT_JOB_STATE_PRINTED

    handed = shop("HandOverParcel", airway_bill="JP0001").parcel
    assert handed.HasField("hand_over_time")
    assert not handed.HasField("deliver_time")
    shop("DeliverParcel", parcel_id=parcel.parcel_id)
    assert shop("GetBooking", order_id=order.order_id).order.state == booking_pb2.ORDER_STATE_DELIVERED
    kinds = {message.kind for message in shop("ListMessages").messages}
    assert {
        customer_pb2.MESSAGE_KIND_BOOKING_CONFIRMED,
        customer_pb2.MESSAGE_KIND_PAYMENT_RECEIVED,
        customer_pb2.MESSAGE_KIND_AIRWAY_BILL,
    } <= kinds
    check_report(shop, order)
    assert shop.engine.verify()["ok"]


def check_report(shop, order):
    report = shop("GetDayReport")
    whole = report.groups[0]
    assert (whole.dimension, whole.key, whole.currency_code) == (report_pb2.REPORT_DIMENSION_ALL, "", "IDR")
    totals = {total.metric: total for total in whole.totals}
    assert totals[report_pb2.METRIC_ORDERS_BOOKED].amount == order.payable
    assert totals[report_pb2.METRIC_ORDER_SALES].amount == order.totals.total
    assert totals[report_pb2.METRIC_UNITS_SOLD].count == 2
    assert not totals[report_pb2.METRIC_UNITS_SOLD].HasField("amount")
    keys = {(group.dimension, group.key) for group in report.groups}
    assert (report_pb2.REPORT_DIMENSION_CASHIER, "sari") in keys
    assert (report_pb2.REPORT_DIMENSION_CHANNEL, "CHAT") in keys
    month = shop("GetMonthReport")
    assert report.date.startswith(month.month)
    assert month.groups[0].totals == whole.totals


def test_a_tills_day(shop):
    shop.receive(shop.floor_id, 10)
    till = shop("CreateTill", till=till_pb2.Till(code="KASIR-1", location_id=shop.floor_id)).till
    shift = shop("OpenShift", till_id=till.till_id, opening_cash=idr(100_000)).shift
    assert (shift.cashier, shift.expected_cash) == ("sari", idr(100_000))
    assert not shift.HasField("close_time")

    cart = till_pb2.TillSaleInput(
        shift_id=shift.shift_id, lines=[till_pb2.TillLineInput(item_id=shop.item_id, quantity=2)]
    )
    quote = shop("QuoteTillSale", sale=cart)
    assert quote.totals.total == idr(222_000)
    tenders = [
        sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_QR, amount=idr(100_000), reference="QR-77"),
        sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CASH, amount=idr(150_000)),
    ]
    sale = shop("CreateTillSale", sale=cart, tenders=tenders).sale
    assert (sale.tenders, sale.change, sale.totals) == (tenders, idr(28_000), quote.totals)
    low = shop.refused("CreateTillSale", sale=cart, tenders=tenders[:1])
    assert (low.code.name, low.reason) == ("FAILED_PRECONDITION", "TENDERS_TOO_LOW")
    shop("RecordCashMovement", shift_id=shift.shift_id, amount=idr(-20_000), reason="parkir")

    x_report = shop("GetShift", shift_id=shift.shift_id).shift
    assert x_report.expected_cash == idr(100_000 + 150_000 - 28_000 - 20_000)
    assert (x_report.sale_count, x_report.cash_out) == (1, idr(20_000))
    z_report = shop("CloseShift", shift_id=shift.shift_id, counted_cash=idr(201_000)).shift
    assert (z_report.difference, z_report.counted_cash) == (idr(-1_000), idr(201_000))
    assert z_report.HasField("close_time")
    assert shop("ListShifts").shifts == [z_report]
    assert shop("ListTills").tills[0].open_shift_id == 0
    assert shop("ListSales", shift_id=shift.shift_id).sales == [sale]
    assert shop.engine.verify()["ok"]


def test_holds_and_batches_tell_each_outcome(shop):
    def hold(quantity):
        return stock_pb2.Hold(
            item_id=shop.item_id,
            location_id=shop.warehouse_id,
            quantity=quantity,
            owner="cart-1",
            expire_time=seconds_from_now(60),
        )

    made, refused = shop("BatchCreateHolds", holds=[hold(60), hold(60)]).results
    assert (made.hold.quantity, made.hold.owner, made.HasField("error")) == (60, "cart-1", False)
    assert (refused.error.code, refused.error.reason) == (9, "OUT_OF_STOCK")
    assert refused.error.details["available"] == "40"
    assert not refused.HasField("hold")
    assert shop("GetHold", hold_id=made.hold.hold_id).hold == made.hold
    assert shop("ReleaseHold", hold_id=made.hold.hold_id).stock.held == 0
    assert shop.refused("GetHold", hold_id=made.hold.hold_id).reason == "HOLD_NOT_FOUND"

    results = shop(
        "BatchCreateBookings", bookings=[shop.booking(), shop.booking(0), shop.booking(99)]
    ).results
    assert [result.error.reason for result in results] == ["", "FIELD_OUT_OF_RANGE", ""]
    assert len({result.order.payable.minor_units for result in results if result.HasField("order")}) == 2


def test_settings_keep_their_spans(shop):
    now = shop("GetSettings").settings
    assert (now.utc_offset.seconds, now.booking_duration.seconds) == (7 * 3600, 3 * 3600)
    changed = admin_pb2.Settings()
    changed.CopyFrom(now)
    changed.shop_name = "Toko Sari"
    changed.utc_offset.seconds, changed.utc_offset.nanos = -3 * 3600, 0
    stored = shop("UpdateSettings", settings=changed).settings
    assert (stored.shop_name, stored.utc_offset.seconds) == ("Toko Sari", -3 * 3600)
    assert stored.version == now.version + 1
    assert shop("GetSettings").settings == stored
