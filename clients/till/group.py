"""What the commands of `kasir till` share: the group, its options, and the till behind them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from clients.common.commands import new_app
from clients.common.journal import state_dir
from clients.common.shop import Shop
from clients.till.cart import Permission
from clients.till.line import till_client
from clients.till.refunds import UNANSWERED, Refunds
from clients.till.shop import TillShop
from clients.till.till import Till, open_till

app = new_app(
    "till", "Till: open a shift, sell, close with counted cash; with the line to the server or without."
)

SHIFT = "The shift"
CART = "The cart"
LINE = "Without the line"

TillOption = Annotated[
    str,
    typer.Option("--till", envvar="KASIR_TILL", metavar="CODE", help="The till; not needed if the only one."),
]
TillArgument = Annotated[
    str,
    typer.Argument(
        envvar="KASIR_TILL", metavar="[TILL]", help="The till's code; not needed if the only one."
    ),
]


ApprovedBy = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Who allowed a discount, or goods beyond the lease while the line is down."
    ),
]
Pin = Annotated[
    str,
    typer.Option(envvar="KASIR_TILL_PIN", metavar="PIN", help="Their PIN; asked for where it is needed."),
]


def permission(till: Till, approved_by: str, pin: str) -> Permission | None:
    """What somebody allows; None when nobody is named. Raises BadInput."""
    if not approved_by:
        return None
    if till.approvers.names() and not pin:
        pin = typer.prompt(f"PIN of {approved_by}", hide_input=True)
    return till.approvers.permit(approved_by, pin, till.now_ms())


@contextmanager
def at_till(shop: Shop, code: str) -> Iterator[tuple[TillShop, Till]]:
    """The till of that code, on this machine's disk and at the server if the line is up. Raises BadInput,
    CallFailed.
    """
    with till_client(shop.client.connection, shop.client.patience.timeout_s) as client:
        till = open_till(state_dir(), client, code)
        try:
            yield TillShop(shop, till), till
        finally:
            till.store.close()


def say_waits(shop: Shop, till: Till) -> None:
    """Tells people that the line is down, and what waits for it."""
    waits = till.journal.waits()
    if not till.line_may_be_up():
        kept = f"{waits} kept here will be sent when it is back" if waits else "nothing waits to be sent"
        shop.output.say(f"OFFLINE: the line to {till.client.connection.server} is down; {kept}.", "yellow")
    elif waits:
        shop.output.say(f"{waits} kept here could not be sent yet: kasir till outbox.", "yellow")
    if Refunds(till).unanswered() is not None:
        shop.output.say(f"{UNANSWERED} kasir till refund --again.", "yellow")
    matters = len(till.journal.matters())
    if matters:
        shop.output.say(f"{matters} to look at: kasir till outbox.", "yellow")
