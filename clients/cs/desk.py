"""The group of commands that the modules beside this one fill, and what several of them take."""

from typing import Annotated

import typer

from clients.common.commands import new_app

app = new_app("cs", "Customer service: find, drop, book, match payments, sell, labels.")

# How the list of commands is divided.
GOODS = "Find and fetch goods"
ORDERS = "Book Orders"
BANK = "Payments"
SALES = "Sales and parcels"
PEOPLE = "Customers and this machine"

Account = Annotated[
    str,
    typer.Option(
        "--account",
        envvar="KASIR_ACCOUNT",
        metavar="NUMBER|BANK",
        help="The bank account; not needed if the only one.",
    ),
]
OnlyAccount = Annotated[str, typer.Option("--account", metavar="NUMBER|BANK", help="Only this account's.")]
