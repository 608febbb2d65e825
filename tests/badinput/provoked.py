"""One way to provoke each refusal of the catalogue: what a careless, hurried or hostile client sends."""

import datetime as dt
import time
from collections.abc import Callable

from google.protobuf.timestamp_pb2 import Timestamp

from kasir.v1 import (
    common_pb2,
    customer_pb2,
    print_pb2,
    reconciliation_pb2,
    sale_pb2,
    shipping_pb2,
    stock_pb2,
    till_pb2,
)
from tests.badinput.world import NOBODY, Attempt, Provoke, World, attempt
from tests.server.support import idr, new_id

CARD_NUMBER = "4111 1111 1111 1111"
DOLLARS = common_pb2.Money(currency_code="USD", minor_units=500)
NOT_A_CURRENCY = common_pb2.Money(currency_code="XQZ", minor_units=500)
STATEMENT = b"""\
Account No.,=,'0111222333
Name,=,TOKO
Currency,=,IDR

Date,Description,Branch,Amount,,Balance
'02/05/2026,SETORAN TUNAI,'0000,500.00,CR,1500.00
'03/05/2026,TARIKAN ATM,'0998,200.00,DB,1300.00
Starting Balance,=,1000.00
Credit,=,500.00
Debet,=,200.00
Ending Balance,=,1300.00
"""

PROVOKED: dict[str, Provoke] = {}


def provokes(reason: str) -> Callable[[Provoke], Provoke]:
    """Registers a function as the one that provokes a refusal."""

    def add(provoke: Provoke) -> Provoke:
        assert reason not in PROVOKED
        PROVOKED[reason] = provoke
        return provoke

    return add


# --- Malformed, out of bounds ---


@provokes("FIELD_REQUIRED")
def an_empty_cart(world: World) -> Attempt:
    booking = world.shop.booking()
    del booking.lines[:]
    return attempt("CreateBooking", "booking.lines", booking=booking)


@provokes("FIELD_OUT_OF_RANGE")
def a_quantity_of_zero(world: World) -> Attempt:
    return attempt("CreateBooking", "booking.lines[0].quantity", booking=world.shop.booking(quantity=0))


@provokes("FIELD_TOO_LONG")
def a_long_note(world: World) -> Attempt:
    booking = world.shop.booking()
    booking.note = "x" * 501
    return attempt("CreateBooking", "booking.note", booking=booking)


@provokes("FIELD_MALFORMED")
def a_date_of_another_country(world: World) -> Attempt:
    row = reconciliation_pb2.MutationInput(date="22/11/2026", amount=idr(1))
    account_id = world.shop.bank_account()
    return attempt("ImportMutations", "mutations[0].date", bank_account_id=account_id, mutations=[row])


@provokes("TOO_MANY_ELEMENTS")
def a_cart_of_201_lines(world: World) -> Attempt:
    booking = world.shop.booking()
    booking.lines.extend([booking.lines[0]] * 200)
    return attempt("CreateBooking", "booking.lines", booking=booking)


@provokes("CURRENCY_UNKNOWN")
def a_currency_that_is_none(world: World) -> Attempt:
    booking = world.shop.booking()
    booking.shipping.CopyFrom(NOT_A_CURRENCY)
    return attempt("CreateBooking", "booking.shipping.currency_code", booking=booking)


@provokes("CURRENCY_MISMATCH")
def shipping_in_dollars(world: World) -> Attempt:
    booking = world.shop.booking()
    booking.shipping.CopyFrom(DOLLARS)
    return attempt("CreateBooking", "booking.shipping", booking=booking)


@provokes("AMOUNT_OUT_OF_RANGE")
def a_price_of_10_to_the_18(world: World) -> Attempt:
    item = world.item()
    item.prices[0].amount.minor_units = 10**18
    return attempt("CreateItem", "item.prices[0].amount.minor_units", item=item)


@provokes("BARCODE_CHECK_DIGIT")
def a_barcode_misread(world: World) -> Attempt:
    return attempt("CreateItem", "item.barcodes[0]", item=world.item(barcodes=["4006381333932"]))


@provokes("CARD_NUMBER_REFUSED")
def a_card_number_for_a_reference(world: World) -> Attempt:
    order = world.order()
    return attempt(
        "RecordPayment",
        "reference",
        order_id=order.order_id,
        amount=order.payable,
        method="card",
        reference=CARD_NUMBER,
    )


@provokes("MESSAGE_MALFORMED")
def garbage_bytes(world: World) -> Attempt:
    return Attempt("/kasir.v1.BookingService/CreateBooking", "", b"\xff\xff\xff\xff kasir")


@provokes("STATEMENT_UNRECOGNISED")
def a_picture_for_a_statement(world: World) -> Attempt:
    return world.statement(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))


@provokes("STATEMENT_BROKEN")
def a_statement_cut_off(world: World) -> Attempt:
    return world.statement(STATEMENT[: len(STATEMENT) - 60])


# --- Unknown ---


@provokes("ITEM_NOT_FOUND")
def an_unknown_item(world: World) -> Attempt:
    booking = world.shop.booking()
    booking.lines[0].item_id = NOBODY
    return attempt("CreateBooking", "booking.lines[0].item_id", booking=booking)


@provokes("BARCODE_UNKNOWN")
def an_unknown_barcode(world: World) -> Attempt:
    drop_order_id = world.drop_order()
    return attempt("HandOverDropOrder", "barcode", drop_order_id=drop_order_id, barcode="4006381333931")


@provokes("TAX_CLASS_NOT_FOUND")
def an_unknown_tax_class(world: World) -> Attempt:
    return attempt("CreateItem", "item.tax_class_id", item=world.item(tax_class_id=NOBODY))


@provokes("LOCATION_NOT_FOUND")
def an_unknown_location(world: World) -> Attempt:
    line = stock_pb2.StockLine(item_id=world.item_id, quantity=1)
    return attempt("ReceiveStock", "location_id", location_id=NOBODY, lines=[line])


@provokes("HOLD_NOT_FOUND")
def a_hold_released_twice(world: World) -> Attempt:
    hold_id = world.do("CreateHold", hold=world.hold()).hold.hold_id
    world.do("ReleaseHold", hold_id=hold_id)
    return attempt("ReleaseHold", "hold_id", hold_id=hold_id)


@provokes("DROP_ORDER_NOT_FOUND")
def an_unknown_drop_order(world: World) -> Attempt:
    return attempt("RejectDropOrder", "drop_order_id", drop_order_id=NOBODY, reason="broken")


@provokes("ORDER_NOT_FOUND")
def an_unknown_order(world: World) -> Attempt:
    return attempt("CancelBooking", "order_id", order_id=NOBODY)


@provokes("CUSTOMER_NOT_FOUND")
def an_unknown_customer(world: World) -> Attempt:
    booking = world.shop.booking()
    booking.customer_id = NOBODY
    return attempt("CreateBooking", "booking.customer_id", booking=booking)


@provokes("BANK_ACCOUNT_NOT_FOUND")
def an_unknown_bank_account(world: World) -> Attempt:
    return attempt("ProposeMatches", bank_account_id=NOBODY)


@provokes("COLUMN_MAPPING_NOT_FOUND")
def a_mapping_deleted_twice(world: World) -> Attempt:
    account = reconciliation_pb2.BankAccount(bank="BCA", number="1", holder="Toko", currency_code="IDR")
    account_id = world.do("CreateBankAccount", bank_account=account).bank_account.bank_account_id
    columns = '[columns]\ndate = "Tanggal"\namount = "Jumlah"\n'
    mapping = reconciliation_pb2.ColumnMapping(bank_account_id=account_id, name="jago", mapping=columns)
    saved = world.do("SaveColumnMapping", column_mapping=mapping).column_mapping
    world.do("DeleteColumnMapping", column_mapping_id=saved.column_mapping_id)
    return attempt("DeleteColumnMapping", "column_mapping_id", column_mapping_id=saved.column_mapping_id)


@provokes("MUTATION_NOT_FOUND")
def an_unknown_mutation(world: World) -> Attempt:
    return attempt("IgnoreMutation", "mutation_id", mutation_id=NOBODY, reason="interest")


@provokes("SALE_NOT_FOUND")
def an_unknown_sale(world: World) -> Attempt:
    return attempt("GetSale", "sale_id", sale_id=NOBODY)


@provokes("TILL_NOT_FOUND")
def an_unknown_till(world: World) -> Attempt:
    return attempt("OpenShift", "till_id", till_id=NOBODY, opening_cash=idr(0))


@provokes("SHIFT_NOT_FOUND")
def an_unknown_shift(world: World) -> Attempt:
    return attempt("CloseShift", "shift_id", shift_id=NOBODY, counted_cash=idr(0))


@provokes("COURIER_NOT_FOUND")
def an_unknown_courier(world: World) -> Attempt:
    return attempt("CreateBooking", "booking.courier_id", booking=world.shop.booking(courier_id=NOBODY))


@provokes("PARCEL_NOT_FOUND")
def a_slip_of_another_shop(world: World) -> Attempt:
    return attempt("HandOverParcel", "airway_bill", airway_bill="JP0000000000")


@provokes("REFUND_NOT_FOUND")
def an_unknown_refund(world: World) -> Attempt:
    return attempt("GetRefund", "refund_id", refund_id=NOBODY)


@provokes("MANIFEST_NOT_FOUND")
def an_unknown_manifest(world: World) -> Attempt:
    return attempt("GetManifest", "manifest_id", manifest_id=NOBODY)


@provokes("PRINT_JOB_NOT_FOUND")
def an_unknown_print_job(world: World) -> Attempt:
    report = print_pb2.PrintReport(print_job_id=NOBODY, state=print_pb2.PRINT_JOB_STATE_PRINTED)
    return attempt("ReportPrintJob", "report.print_job_id", report=report)


@provokes("MESSAGE_NOT_FOUND")
def an_unknown_message(world: World) -> Attempt:
    return attempt("ReportMessage", "message_id", message_id=NOBODY, state=customer_pb2.MESSAGE_STATE_SENT)


# --- Taken ---


@provokes("REQUEST_ID_REUSED")
def one_id_for_two_bookings(world: World) -> Attempt:
    request_id = new_id()
    world.do("CreateBooking", request_id=request_id, booking=world.shop.booking(quantity=1))
    return attempt("CreateBooking", request_id=request_id, booking=world.shop.booking(quantity=2))


@provokes("SKU_TAKEN")
def one_sku_for_two_items(world: World) -> Attempt:
    return attempt("CreateItem", "item.sku", item=world.item(sku="KOPI-01"))


@provokes("BARCODE_TAKEN")
def one_barcode_for_two_items(world: World) -> Attempt:
    return attempt("CreateItem", "item.barcodes[0]", item=world.item(barcodes=[world.shop.barcode]))


@provokes("CODE_TAKEN")
def two_locations_of_one_code(world: World) -> Attempt:
    location = stock_pb2.Location(code="GUDANG", name="Gudang 2", kind=stock_pb2.LOCATION_KIND_WAREHOUSE)
    return attempt("CreateLocation", "location.code", location=location)


@provokes("PHONE_TAKEN")
def two_customers_of_one_phone(world: World) -> Attempt:
    world.do("CreateCustomer", customer=customer_pb2.Customer(name="Ani", phone="081234567890"))
    customer = customer_pb2.Customer(name="Budi", phone="+62 812-3456-7890")
    return attempt("CreateCustomer", "customer.phone", customer=customer)


@provokes("AIRWAY_BILL_TAKEN")
def two_parcels_of_one_airway_bill(world: World) -> Attempt:
    world.do("AssignAirwayBill", parcel_id=world.parcel(), airway_bill="JP1")
    return attempt("AssignAirwayBill", "airway_bill", parcel_id=world.parcel(), airway_bill="JP1")


# --- Not as things stand ---


@provokes("OUT_OF_STOCK")
def more_than_there_is(world: World) -> Attempt:
    return attempt("CreateBooking", booking=world.shop.booking(quantity=101))


@provokes("WRONG_STATE")
def a_drop_order_rejected_after_it_was_handed_over(world: World) -> Attempt:
    return attempt(
        "RejectDropOrder", "drop_order_id", drop_order_id=world.drop_order(handed_over=True), reason="broken"
    )


@provokes("DEADLINE_PASSED")
def a_hold_until_yesterday(world: World) -> Attempt:
    yesterday = Timestamp(seconds=int(time.time()) - 86_400)
    return attempt("CreateHold", "hold.expire_time", hold=world.hold(expire_time=yesterday))


@provokes("NOT_PAID")
def a_sale_of_an_unpaid_order(world: World) -> Attempt:
    return attempt("CreateSales", element=True, order_ids=[world.order().order_id])


@provokes("ORDER_SOLD")
def a_match_undone_after_the_sale(world: World) -> Attempt:
    order = world.order()
    mutation_id = world.mutation(order.payable.minor_units)
    allocation = reconciliation_pb2.MutationAllocation(order_id=order.order_id, amount=order.payable)
    world.do("MatchMutation", mutation_id=mutation_id, allocations=[allocation])
    world.do("CreateSales", order_ids=[order.order_id])
    return attempt("UndoMatch", "mutation_id", mutation_id=mutation_id)


@provokes("OVER_ALLOCATED")
def more_money_than_is_due(world: World) -> Attempt:
    order = world.order()
    return attempt(
        "RecordPayment", "amount", order_id=order.order_id, amount=idr(25_001), method="marketplace"
    )


@provokes("WRITE_OFF_TOO_HIGH")
def a_fee_where_no_rule_lets_it_go(world: World) -> Attempt:
    order = world.order()
    allocation = reconciliation_pb2.MutationAllocation(
        order_id=order.order_id, amount=idr(22_500), write_off=idr(2_500)
    )
    mutation_id = world.mutation(allocation.amount.minor_units)
    return attempt("MatchMutation", "write_off", mutation_id=mutation_id, allocations=[allocation])


@provokes("PROPOSAL_AMBIGUOUS")
def two_equal_transfers_for_one_order(world: World) -> Attempt:
    account_id = world.shop.bank_account()
    order = world.order(bank_account_id=account_id)
    at_the_bank = order.create_time.ToDatetime() + dt.timedelta(hours=7)
    row = {"date": at_the_bank.date().isoformat(), "description": "TRSF E-BANKING CR"}
    mutation_ids = [
        world.mutation(order.payable.minor_units, account_id, occurrence=number, **row) for number in (1, 2)
    ]
    world.do("ProposeMatches", bank_account_id=account_id)
    return attempt("ConfirmMatches", element=True, bank_account_id=account_id, mutation_ids=mutation_ids[:1])


@provokes("REMAINDER_LEFT")
def money_left_over(world: World) -> Attempt:
    order = world.order()
    allocation = reconciliation_pb2.MutationAllocation(order_id=order.order_id, amount=order.payable)
    mutation_id = world.mutation(order.payable.minor_units + 100)
    return attempt("MatchMutation", "credit_remainder", mutation_id=mutation_id, allocations=[allocation])


@provokes("TENDERS_TOO_LOW")
def too_little_cash(world: World) -> Attempt:
    tender = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CASH, amount=idr(24_999))
    return attempt("CreateTillSale", "tenders", sale=world.till_sale(), tenders=[tender])


@provokes("CHANGE_NOT_FROM_CASH")
def change_from_a_card(world: World) -> Attempt:
    tender = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CARD, amount=idr(30_000), reference="OK-1")
    return attempt("CreateTillSale", "tenders", sale=world.till_sale(), tenders=[tender])


@provokes("SALE_OF_ORDER")
def an_orders_sale_given_back_at_a_till(world: World) -> Attempt:
    order = world.order()
    world.pay(order)
    sale_id = world.do("CreateSales", order_ids=[order.order_id]).results[0].sale.sale_id
    return attempt("RefundSale", "refund.sale_id", refund=world.refund(sale_id=sale_id))


@provokes("REFUND_TOO_MUCH")
def a_unit_given_back_twice(world: World) -> Attempt:
    refund = world.refund()
    world.do("RefundSale", refund=refund)
    return attempt("RefundSale", "refund.lines[0].quantity", refund=refund)


@provokes("DRAWER_TOO_LOW")
def more_cash_given_back_than_there_is(world: World) -> Attempt:
    refund = world.refund()
    out = common_pb2.Money(currency_code="IDR", minor_units=-1)
    world.do("RecordCashMovement", shift_id=refund.shift_id, amount=out, reason="bank")
    return attempt("QuoteRefund", "refund.kind", refund=refund)


@provokes("SHIFT_OPEN")
def two_shifts_at_one_till(world: World) -> Attempt:
    world.shift()
    return attempt("OpenShift", "till_id", till_id=1, opening_cash=idr(0))


@provokes("SHIFT_CLOSED")
def a_sale_after_the_close(world: World) -> Attempt:
    sale = world.till_sale()
    world.do("CloseShift", shift_id=sale.shift_id, counted_cash=idr(0))
    tender = sale_pb2.Tender(kind=sale_pb2.TENDER_KIND_CASH, amount=idr(25_000))
    return attempt("CreateTillSale", "sale.shift_id", sale=sale, tenders=[tender])


@provokes("ITEM_MISMATCH")
def another_item_scanned(world: World) -> Attempt:
    world.shop.item("TEH-01", "4006381333931")
    drop_order_id = world.drop_order()
    return attempt("HandOverDropOrder", "barcode", drop_order_id=drop_order_id, barcode="4006381333931")


@provokes("ITEM_INACTIVE")
def an_item_not_sold_any_more(world: World) -> Attempt:
    item = world.do("GetItem", item_id=world.item_id).item.item
    item.inactive = True
    world.do("UpdateItem", item=item)
    return attempt("CreateBooking", "booking.lines[0].item_id", booking=world.shop.booking())


@provokes("PRICE_MISSING")
def a_price_list_without_the_item(world: World) -> Attempt:
    booking = world.shop.booking()
    booking.price_list = "wholesale"
    return attempt("CreateBooking", "booking.lines[0]", booking=booking)


@provokes("UNIQUE_CODES_EXHAUSTED")
def a_second_order_with_one_unique_code(world: World) -> Attempt:
    account = reconciliation_pb2.BankAccount(
        bank="BCA", number="1", holder="Toko", currency_code="IDR", unique_code_min=7, unique_code_max=7
    )
    account_id = world.do("CreateBankAccount", bank_account=account).bank_account.bank_account_id
    world.order(bank_account_id=account_id)
    booking = world.shop.booking()
    booking.bank_account_id = account_id
    return attempt("CreateBooking", booking=booking)


@provokes("DROP_ORDER_REQUIRED")
def goods_received_at_the_cs_desk(world: World) -> Attempt:
    line = stock_pb2.StockLine(item_id=world.item_id, quantity=1)
    return attempt("ReceiveStock", "location_id", location_id=world.desk_id, lines=[line])


@provokes("LOCATION_KIND_WRONG")
def a_till_in_the_warehouse(world: World) -> Attempt:
    till = till_pb2.Till(code="KASIR-9", location_id=world.warehouse_id)
    return attempt("CreateTill", "till.location_id", till=till)


@provokes("COURIER_NOT_CONNECTED")
def an_airway_bill_from_a_courier_without_connection(world: World) -> Attempt:
    courier = shipping_pb2.Courier(code="ANTAR", name="Antar")
    courier_id = world.do("CreateCourier", courier=courier).courier.courier_id
    return attempt("RequestAirwayBill", "courier_id", parcel_id=world.parcel(courier_id=courier_id))


def _by_points_or_credit(world: World, kind: sale_pb2.TenderKind.ValueType) -> Attempt:
    settings = world.do("GetSettings").settings
    settings.point_value_minor_units = 100
    world.do("UpdateSettings", settings=settings)
    customer = customer_pb2.Customer(name="Ani", phone="081234567801")
    customer_id = world.do("CreateCustomer", customer=customer).customer.customer_id
    tender = sale_pb2.Tender(kind=kind, amount=idr(25_000))
    sale = world.till_sale(customer_id=customer_id)
    return attempt("CreateTillSale", "tenders", sale=sale, tenders=[tender])


@provokes("POINTS_TOO_LOW")
def points_that_nobody_earned(world: World) -> Attempt:
    return _by_points_or_credit(world, sale_pb2.TENDER_KIND_POINTS)


@provokes("CREDIT_TOO_LOW")
def credit_that_nobody_has(world: World) -> Attempt:
    return _by_points_or_credit(world, sale_pb2.TENDER_KIND_CREDIT)


@provokes("CUSTOMER_BUSY")
def a_customer_erased_whose_order_is_open(world: World) -> Attempt:
    order = world.order()
    customer = world.do("GetCustomer", customer_id=order.customer_id).customer
    erased = {"customer_id": customer.customer_id, "version": customer.version}
    return attempt("EraseCustomer", "customer_id", **erased)


@provokes("CUSTOMER_ERASED")
def a_customer_erased_twice(world: World) -> Attempt:
    customer = customer_pb2.Customer(name="Citra", phone="081299990000")
    customer_id = world.do("CreateCustomer", customer=customer).customer.customer_id
    version = world.do("EraseCustomer", customer_id=customer_id, version=1).customer.version
    return attempt("EraseCustomer", "customer_id", customer_id=customer_id, version=version)


@provokes("SETTING_FIXED")
def another_currency_after_things_were_priced(world: World) -> Attempt:
    settings = world.do("GetSettings").settings
    settings.currency_code = "USD"
    return attempt("UpdateSettings", "settings.currency_code", settings=settings)


@provokes("VERSION_STALE")
def an_item_changed_by_two(world: World) -> Attempt:
    item = world.do("GetItem", item_id=world.item_id).item.item
    world.do("UpdateItem", item=item)
    return attempt("UpdateItem", "item.version", item=item)
