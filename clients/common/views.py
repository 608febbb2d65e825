"""How the things of the shop look as tables."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType

from clients.common.money import open_amount, show_money
from clients.common.output import facts, state_words, table
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.stock_count import Counted
from clients.common.times import zone_name
from kasir.v1.booking_pb2 import Allocation, Order, OrderLine, OrderState, Totals
from kasir.v1.catalogue_pb2 import Item, ItemAvailability, Stock
from kasir.v1.common_pb2 import Address, Channel, Money
from kasir.v1.customer_pb2 import Message, MessageKind, MessageState
from kasir.v1.drop_order_pb2 import DropOrder, DropOrderState
from kasir.v1.print_pb2 import DocumentKind, PrintJob, PrintJobState
from kasir.v1.sale_pb2 import Sale, Tender, TenderKind
from kasir.v1.shipping_pb2 import AirwayBillState, LabelState, Parcel
from kasir.v1.till_pb2 import Refund, Shift, TenderTotal

# In the place of a name that nobody knows any more
ERASED = "(erased)"


def order_state(order: Order) -> str:
    """Such as "partly paid" or "refund due"."""
    return state_words(OrderState, order.state, "ORDER_STATE")


def drop_order_state(drop_order: DropOrder) -> str:
    """Such as "handed over" or "return due"."""
    return state_words(DropOrderState, drop_order.state, "DROP_ORDER_STATE")


def retail_price(item: Item) -> str:
    """The price of one unit to anybody; empty when the item has none."""
    retail = sorted(
        (price for price in item.prices if price.price_list == "retail"), key=lambda price: price.min_quantity
    )
    return show_money(retail[0].amount) if retail else ""


def items_table(shop: Shop, items: Sequence[ItemAvailability], title: str) -> RenderableType:
    """Items with price, and what is available where."""

    def where(item: ItemAvailability) -> str:
        parts = [f"{shop.location_code(stock.location_id)} {stock.available}" for stock in item.stocks]
        return ", ".join(parts) or "none ever came in"

    rows = (
        (
            found.item.sku,
            found.item.name + (" (not sold any more)" if found.item.inactive else ""),
            retail_price(found.item),
            str(found.available_total),
            where(found),
        )
        for found in items
    )
    return table(title, ("SKU", "Name", ">Price", ">Available", "Where"), rows)


def stocks_table(shop: Shop, stocks: Iterable[Stock], title: str) -> RenderableType:
    """Goods on hand, claims and what is left, an item and a location a row."""
    rows = (
        (
            shop.item_words(stock.item_id),
            shop.location_code(stock.location_id),
            str(stock.on_hand),
            str(stock.held),
            str(stock.available),
        )
        for stock in stocks
    )
    return table(title, ("Item", "Location", ">On hand", ">Held", ">Available"), rows)


def counts_table(counts: Iterable[Counted], title: str) -> RenderableType:
    """What was counted beside what the books had."""
    rows = (
        (
            f"{each.item.sku} {each.item.name}",
            str(each.counted),
            str(each.on_hand),
            f"{each.difference:+}" if each.difference else "",
        )
        for each in counts
    )
    return table(title, ("Item", ">Counted", ">On hand", ">Difference"), rows)


def to_buy_table(items: Iterable[ItemAvailability]) -> RenderableType:
    """Items below their reorder point."""
    rows = (
        (
            found.item.sku,
            found.item.name,
            str(found.available_total),
            str(found.item.reorder_point),
            str(found.item.reorder_point - found.available_total),
        )
        for found in items
    )
    return table("To buy", ("SKU", "Name", ">Available", ">Reorder point", ">Short by"), rows)


def drop_orders_table(shop: Shop, drop_orders: Sequence[DropOrder], title: str) -> RenderableType:
    """Drop Orders, one a row."""
    rows = (
        (
            str(each.drop_order_id),
            shop.item_words(each.item_id),
            str(each.quantity),
            f"{shop.location_code(each.from_location_id)} → {shop.location_code(each.to_location_id)}",
            drop_order_state(each),
            each.requested_by,
            shop.time(each.expire_time),
            each.reject_reason or each.note,
        )
        for each in drop_orders
    )
    columns = (">Drop Order", "Item", ">Qty", "From → to", "State", "Asked by", "Until", "Note")
    return table(title, columns, rows)


def lines_table(shop: Shop, lines: Sequence[OrderLine]) -> RenderableType:
    """The lines of an order, a quote or a sale."""
    rows = (
        (
            line.sku,
            line.name,
            str(line.quantity),
            show_money(line.unit_price),
            unless_zero(line.discount),
            f"{unless_zero(line.tax)}{' incl.' if line.tax_included and line.tax.minor_units else ''}",
            show_money(line.total),
            shop.location_code(line.location_id) if line.location_id else "",
        )
        for line in lines
    )
    columns = ("SKU", "Name", ">Qty", ">Price", ">Discount", ">Tax", ">Total", "From")
    return table("", columns, rows)


def totals_pairs(totals: Totals) -> list[tuple[str, str]]:
    """What an amount to pay is made of; parts that are zero are left out."""
    return [
        ("Goods", show_money(totals.goods)),
        ("Discount", unless_zero(totals.discount)),
        ("Tax added", unless_zero(totals.tax_added)),
        ("Shipping", unless_zero(totals.shipping)),
        ("Total", show_money(totals.total)),
        ("Tax in it", unless_zero(totals.tax)),
    ]


def address_words(address: Address) -> str:
    """An address in one line."""
    where = ", ".join(
        part for part in (address.street, address.district, address.city, address.province) if part
    )
    return " ".join(part for part in (address.recipient, address.phone, where, address.postal_code) if part)


def order_view(shop: Shop, order: Order) -> RenderableType:
    """One Book Order in full."""
    code = f" (unique code {order.unique_code})" if order.unique_code else ""
    pairs = [
        (
            "Customer",
            f"{order.customer_name or ERASED} {order.customer_phone} {order.customer_email}".rstrip(),
        ),
        ("To", address_words(order.address) if order.HasField("address") else "picked up"),
        ("Channel", state_words(Channel, order.channel, "CHANNEL")),
        ("Courier", f"{shop.courier_code(order.courier_id)} {order.courier_service}".strip()),
        *totals_pairs(order.totals),
        ("To pay", f"{show_money(order.payable)}{code}"),
        ("Into", shop.account_words(order.bank_account_id)),
        ("Paid", unless_zero(order.paid)),
        ("Written off", unless_zero(order.written_off)),
        ("Deadline", f"{shop.time(order.expire_time)} {zone_name(shop.utc_offset)}"),
        ("Booked by", f"{order.booked_by}, {shop.time(order.create_time)}"),
        ("Sale", str(order.sale_id or "")),
        ("Parcel", str(order.parcel_id or "")),
        ("Cancelled", order.cancel_reason),
        ("Refund", order.refund_reference),
        ("Note", order.note),
    ]
    title = f"Book Order {order.order_id}: {order_state(order)}"
    parts = [facts(title, pairs), lines_table(shop, order.lines)]
    if order.allocations:
        parts.append(_allocations_table(shop, order.allocations))
    return Group(*parts)


def _allocations_table(shop: Shop, allocations: Sequence[Allocation]) -> RenderableType:
    """Where an order's money came from."""
    rows = (
        (
            f"mutation {each.mutation_id}" if each.mutation_id else f"{each.method} {each.reference}".strip(),
            show_money(each.amount),
            unless_zero(each.write_off),
            shop.time(each.create_time),
        )
        for each in allocations
    )
    return table("Paid by", ("What", ">Amount", ">Written off", "When"), rows)


def left_to_pay(order: Order) -> Money:
    """What is missing. Raises BadInput when nothing is."""
    amount = open_amount(order)
    if amount.minor_units <= 0:
        raise BadInput(
            "Order {order} has nothing left to pay: {paid} is paid.",
            order=order.order_id,
            paid=show_money(order.paid),
        )
    return amount


def orders_table(shop: Shop, orders: Sequence[Order], title: str) -> RenderableType:
    """Book Orders, one a row."""
    rows = (
        (
            str(order.order_id),
            order_state(order),
            order.customer_name or ERASED,
            order.customer_phone,
            str(len(order.lines)),
            show_money(order.payable),
            unless_zero(order.paid),
            shop.time(order.expire_time),
        )
        for order in orders
    )
    columns = (">Order", "State", "Customer", "Phone", ">Lines", ">To pay", ">Paid", "Deadline")
    return table(title, columns, rows)


def tenders_words(tenders: Iterable[Tender]) -> str:
    """How something is paid, in one line."""
    return ", ".join(
        f"{state_words(TenderKind, each.kind, 'TENDER_KIND')} {show_money(each.amount)}"
        + (f" ({each.reference})" if each.reference else "")
        for each in tenders
    )


def _given_back(sale: Sale) -> Money:
    total = Money(currency_code=sale.totals.total.currency_code)
    total.minor_units = sum(line.total.minor_units for line in sale.refunded)
    return total


def sale_view(shop: Shop, sale: Sale) -> RenderableType:
    """One sale in full, the change in plain sight."""
    pairs = [
        *totals_pairs(sale.totals),
        ("Paid", tenders_words(sale.tenders)),
        ("Change", show_money(sale.change)),
        ("Given back", unless_zero(_given_back(sale))),
        ("Points", f"+{sale.points_earned}" if sale.points_earned else ""),
        ("Order", str(sale.order_id or "")),
        ("Cashier", sale.cashier),
        ("Time", shop.time(sale.create_time)),
        ("Receipt", sale.receipt),
    ]
    title = f"Sale {sale.sale_id}" if sale.sale_id else f"Receipt {sale.receipt}, not at the server yet"
    return Group(facts(title, pairs), lines_table(shop, sale.lines))


def parcel_states(parcel: Parcel) -> str:
    """Where label, airway bill and parcel stand, in a few words."""
    if parcel.HasField("deliver_time"):
        return "delivered"
    if parcel.HasField("hand_over_time"):
        return "with the courier"
    label = state_words(LabelState, parcel.label_state, "LABEL_STATE")
    awb = state_words(AirwayBillState, parcel.airway_bill_state, "AIRWAY_BILL_STATE")
    return f"label {label}, AWB {awb}"


def parcels_table(shop: Shop, parcels: Sequence[Parcel], title: str) -> RenderableType:
    """Parcels, one a row."""
    rows = (
        (
            str(each.parcel_id),
            str(each.order_id),
            f"{shop.courier_code(each.courier_id)} {each.courier_service}".strip(),
            each.airway_bill,
            parcel_states(each),
            f"{each.address.recipient}, {each.address.city}".strip(", "),
            each.airway_bill_detail,
        )
        for each in parcels
    )
    return table(title, (">Parcel", ">Order", "Courier", "AWB", "State", "To", "Remark"), rows)


def shift_view(shop: Shop, shift: Shift) -> RenderableType:
    """A shift as X report while it is open, as Z report after."""
    closed = shift.HasField("close_time")
    tenders, refunds = _by_kind(shift.tenders), _by_kind(shift.refund_tenders)
    pairs = [
        ("Till", shop.till_code(shift.till_id)),
        ("Cashier", shift.cashier),
        ("Opened", shop.time(shift.open_time)),
        ("Closed", shop.time(shift.close_time)),
        ("Receipts", str(shift.sale_count)),
        ("Sales", show_money(shift.sale_total)),
        ("Tax", unless_zero(shift.tax_total)),
        ("Discounts", unless_zero(shift.discount_total)),
        *tenders,
        ("Refunds", f"{show_money(shift.refund_total)} ({shift.refund_count})" if shift.refund_count else ""),
        *refunds,
        ("Cash at opening", show_money(shift.opening_cash)),
        ("Cash put in", unless_zero(shift.cash_in)),
        ("Cash taken out", unless_zero(shift.cash_out)),
        ("Cash expected", show_money(shift.expected_cash)),
        ("Cash counted", show_money(shift.counted_cash) if closed else ""),
        ("Difference", show_money(shift.difference) if closed else ""),
    ]
    which = shift.shift_id or "not at the server yet"
    return facts(f"{'Z' if closed else 'X'} report, shift {which}", pairs)


def _by_kind(totals: Iterable[TenderTotal]) -> list[tuple[str, str]]:
    return [
        (
            f"  {state_words(TenderKind, each.kind, 'TENDER_KIND')}",
            f"{show_money(each.amount)} ({each.count})",
        )
        for each in totals
    ]


def refund_view(shop: Shop, refund: Refund) -> RenderableType:
    """A refund in full, or what it would be."""
    pairs = [
        *totals_pairs(refund.totals),
        ("Paid out", tenders_words(refund.tenders)),
        ("Points given back", str(refund.points_returned or "")),
        ("Points taken off", str(refund.points_taken or "")),
        ("Points spent already", str(refund.points_lacking or "")),
        ("Sale", str(refund.sale_id)),
        ("Receipt", refund.receipt),
        ("Reason", refund.reason),
        ("Allowed by", refund.approved_by),
        ("Cashier", refund.cashier),
        ("Time", shop.time(refund.create_time)),
    ]
    title = f"Refund {refund.refund_id}" if refund.refund_id else "This would be given back"
    rows = [
        (
            str(each.line + 1),
            each.goods.sku,
            each.goods.name,
            str(each.goods.quantity),
            show_money(each.goods.total),
            "damaged" if each.damaged else "",
        )
        for each in refund.lines
    ]
    return Group(facts(title, pairs), table("", (">Line", "SKU", "Name", ">Units", ">Amount", ""), rows))


def left_table(shop: Shop, sale: Sale) -> RenderableType:
    """What of a sale can still be given back, a line a row."""
    rows = []
    for place, line in enumerate(sale.lines):
        back = sale.refunded[place].quantity if sale.refunded else 0
        rows.append(
            (
                str(place + 1),
                line.sku,
                line.name,
                str(line.quantity),
                str(back or ""),
                str(line.quantity - back),
                show_money(line.total),
            )
        )
    title = f"Sale {sale.sale_id}, receipt {sale.receipt or '-'}, {shop.time(sale.create_time)}"
    columns = (">Line", "SKU", "Name", ">Sold", ">Given back", ">Left", ">Amount sold")
    return table(title, columns, rows)


def shifts_table(shop: Shop, shifts: Sequence[Shift]) -> RenderableType:
    """Shifts, one a row."""
    rows = (
        (
            str(each.shift_id),
            shop.till_code(each.till_id),
            each.cashier,
            shop.time(each.open_time),
            shop.time(each.close_time) or "open",
            str(each.sale_count),
            show_money(each.sale_total),
            show_money(each.difference) if each.HasField("close_time") else "",
        )
        for each in shifts
    )
    columns = (">Shift", "Till", "Cashier", "Opened", "Closed", ">Receipts", ">Sales", ">Difference")
    return table("Shifts", columns, rows)


def print_jobs_table(shop: Shop, jobs: Sequence[PrintJob], title: str) -> RenderableType:
    """Print jobs, one a row."""
    rows = (
        (
            str(each.print_job_id),
            state_words(DocumentKind, each.kind, "DOCUMENT_KIND"),
            str(each.subject_id),
            state_words(PrintJobState, each.state, "PRINT_JOB_STATE"),
            f"copy {each.copy_number}: {each.reprint_reason}" if each.copy_number else "",
            shop.location_code(each.location_id) if each.location_id else "",
            shop.time(each.update_time),
            each.detail,
        )
        for each in jobs
    )
    columns = (">Job", "Document", ">Of", "State", "Copy", "Location", "Changed", "Remark")
    return table(title, columns, rows)


def messages_table(shop: Shop, messages: Sequence[Message], title: str) -> RenderableType:
    """Messages to customers, one a row."""
    rows = (
        (
            str(each.message_id),
            state_words(MessageKind, each.kind, "MESSAGE_KIND"),
            state_words(MessageState, each.state, "MESSAGE_STATE"),
            str(each.order_id),
            each.phone,
            shop.time(each.create_time),
            each.detail,
        )
        for each in messages
    )
    columns = (">Message", "Tells", "State", ">Order", "Phone", "Queued", "Remark")
    return table(title, columns, rows)


def unless_zero(money: Money) -> str:
    """An amount for people; nothing for zero."""
    return show_money(money) if money.minor_units else ""
