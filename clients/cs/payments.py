"""Money that came otherwise than by a bank mutation, and money to give back."""

from typing import Annotated

import typer

from clients.common.commands import command
from clients.common.money import show_money
from clients.common.numbers import id_argument
from clients.common.output import table
from clients.common.shop import Shop
from clients.common.views import left_to_pay, order_view, orders_table
from clients.cs.desk import BANK, app
from kasir.v1.booking_pb2 import ORDER_STATE_REFUND_DUE, ListBookingsRequest, ListBookingsResponse
from kasir.v1.reconciliation_pb2 import (
    RecordPaymentRequest,
    RecordPaymentResponse,
    RefundOrderRequest,
    RefundOrderResponse,
)


@command(
    app,
    "pay",
    [
        "kasir cs pay 4711 --method marketplace --reference TKP-99120",
        "kasir cs pay 4711 --amount 50.000 --method cash",
        "kasir cs pay 4711 --method cod",
    ],
    BANK,
)
def pay(
    shop: Shop,
    order: Annotated[int, id_argument("The order's number.")],
    method: Annotated[str, typer.Option(help="How: marketplace, gateway, cash, …; cod, paid at the door.")],
    amount: Annotated[str, typer.Option(metavar="AMOUNT", help="How much; else all that is due.")] = "",
    reference: Annotated[str, typer.Option(help="The payer's reference. Never a card number.")] = "",
) -> None:
    """Record money that came otherwise than by a bank mutation."""
    money = shop.payment(amount) if amount else left_to_pay(shop.order_by_id(order))
    request = RecordPaymentRequest(order_id=order, amount=money, method=method, reference=reference)
    reply = shop.call(request, RecordPaymentResponse, note=f"payment of order {order}")
    shop.output.emit(reply, lambda: order_view(shop, reply.order))


@command(app, "refunds", ["kasir cs refunds", "kasir cs refunds --json"], BANK)
def refunds(shop: Shop, limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 200) -> None:
    """List orders whose money is to be given back."""
    request = ListBookingsRequest(state=ORDER_STATE_REFUND_DUE)
    found = shop.pages(request, ListBookingsResponse, "orders", limit)
    rows = (
        (
            str(each.order_id),
            each.customer_name,
            each.customer_phone,
            show_money(each.paid),
            shop.time(each.update_time),
        )
        for each in found
    )
    columns = (">Order", "Customer", "Phone", ">To give back", "Since")
    shop.output.emit({"orders": found}, lambda: table("Refunds due", columns, rows))


@command(app, "refund", ["kasir cs refund 4711 --reference 'BCA 2026-03-05 0012'"], BANK)
def refund(
    shop: Shop,
    order: Annotated[int, id_argument("The order's number.")],
    reference: Annotated[str, typer.Option(help="The bank's reference of the money sent back.")],
) -> None:
    """Record that the money of an order was given back."""
    request = RefundOrderRequest(order_id=order, reference=reference)
    reply = shop.call(request, RefundOrderResponse, note=f"refund of order {order}")
    shop.output.emit(reply, lambda: orders_table(shop, [reply.order], "Refunded"))
