"""A sale's receipt without paper: as files, or by e-mail."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.common.commands import command, new_app
from clients.common.keys import read_key
from clients.common.problems import BadInput
from clients.common.shop import Shop
from clients.common.smtp import HandIn, MailServer, Security, hand_in
from hardware.file_agent import read_logo
from kasir.durable import READABLE, sync_directory, write_durably
from kasir.v1.booking_pb2 import GetBookingRequest, GetBookingResponse
from kasir.v1.sale_pb2 import GetSaleRequest, GetSaleResponse, Sale

if TYPE_CHECKING:
    from hardware.paper import Paper

FORMATS = ("html", "pdf", "png", "txt")
_SMTP_PORT = 587
_NOT_SENT = 1

app = new_app("receipt", "A receipt without paper.")

MAIL = "By e-mail"
_MAIL_EXAMPLE = (
    "kasir print receipt 8072 --mail sri@example.com --smtp smtp.example.com:587"
    " --from kasir@example.com --user kasir@example.com --password-file smtp.secret"
)


@command(
    app,
    "receipt",
    [
        "kasir print receipt 8072 --out out/receipts",
        "kasir print receipt 8072 --out out/receipts --format pdf --logo logo.png",
        _MAIL_EXAMPLE,
    ],
)
def receipt(
    shop: Shop,
    sale: Annotated[int, typer.Argument(min=1, metavar="SALE", help="The receipt's number.")],
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="The directory to write to; it is made when missing.")
    ] = None,
    format_: Annotated[
        list[str] | None, typer.Option("--format", help="html, pdf, png or txt; repeatable. Else all.")
    ] = None,
    width: Annotated[int, typer.Option(metavar="MM", help="The paper's width, 58 or 80.")] = 80,
    logo: Annotated[
        Path | None, typer.Option(dir_okay=False, help="The shop's logo at its head: PNG or JPEG.")
    ] = None,
    mail: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Send it to this address.", rich_help_panel=MAIL)
    ] = "",
    smtp: Annotated[
        str,
        typer.Option(
            envvar="KASIR_SMTP", metavar="HOST[:PORT]", help="The mail server.", rich_help_panel=MAIL
        ),
    ] = "",
    sender: Annotated[
        str,
        typer.Option(
            "--from",
            envvar="KASIR_MAIL_FROM",
            metavar="ADDRESS",
            help="The shop's address.",
            rich_help_panel=MAIL,
        ),
    ] = "",
    user: Annotated[
        str, typer.Option(envvar="KASIR_SMTP_USER", help="The account there.", rich_help_panel=MAIL)
    ] = "",
    password_file: Annotated[
        Path | None,
        typer.Option(
            envvar="KASIR_SMTP_PASSWORD_FILE",
            dir_okay=False,
            help="Holds the account's password.",
            rich_help_panel=MAIL,
        ),
    ] = None,
    security: Annotated[
        str,
        typer.Option(help="starttls; tls; none, on this machine only.", rich_help_panel=MAIL),
    ] = "starttls",
    mail_ca: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="Trust these certificates (PEM) there as well.", rich_help_panel=MAIL
        ),
    ] = None,
) -> None:
    """Write a receipt to files, or send it by e-mail. Sent again after a doubt, it is the same message."""
    if out is None and not mail:
        raise BadInput("Say where to: --out DIRECTORY, --mail ADDRESS, or both.")
    found = shop.call(GetSaleRequest(sale_id=sale), GetSaleResponse).sale
    paper = _paper(shop, found, width).with_logo(read_logo(logo))
    paths = _written(paper, sale, out, format_ or []) if out is not None else []
    sent: tuple[HandIn, str] | None = None
    if mail:
        server = _server(smtp, user, password_file, security, mail_ca)
        sent = _sent(shop, found, paper, sender, mail, server)
    outcome = {"delivery": sent[0].value, "detail": sent[1]} if sent is not None else {}
    words = [*paths, *([f"{mail}: {sent[0].value} ({sent[1]})"] if sent is not None else [])]
    shop.output.emit({"sale_id": sale, "files": paths, **outcome}, lambda: "\n".join(words))
    if sent is not None and sent[0] is not HandIn.ACCEPTED:
        raise typer.Exit(_NOT_SENT)


def _paper(shop: Shop, sale: Sale, width_mm: int) -> "Paper":
    from hardware.paper import PaperError, sales_receipt  # noqa: PLC0415 (other commands need no paper extra)

    till = next((each for each in shop.tills if each.till_id == sale.till_id), None)
    order = None
    if sale.order_id:
        order = shop.call(GetBookingRequest(order_id=sale.order_id), GetBookingResponse).order
    try:
        return sales_receipt(sale, shop.settings, order, till, width_mm=width_mm)
    except PaperError as wrong:
        raise BadInput(f"The receipt cannot be made: {wrong}.") from wrong


def _written(paper: "Paper", number: int, out: Path, formats: list[str]) -> list[str]:
    if unknown := [each for each in formats if each not in FORMATS]:
        raise BadInput(f"There is no format {', '.join(unknown)}; there are {', '.join(FORMATS)}.")
    title = f"Struk penjualan No. {number}"
    renderers: dict[str, Callable[[], bytes]] = {
        "html": lambda: paper.html(title).encode(),
        "pdf": lambda: paper.pdf(title),
        "png": partial(paper.png, 2),
        "txt": lambda: paper.text().encode(),
    }
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for suffix in dict.fromkeys(formats or FORMATS):
        path = out / f"struk-{number}.{suffix}"
        write_durably(path, renderers[suffix](), mode=READABLE)
        paths.append(str(path))
    sync_directory(out)
    return paths


def _server(
    smtp: str, user: str, password_file: Path | None, security: str, ca_file: Path | None
) -> MailServer:
    host, _, port = smtp.rpartition(":") if smtp.rpartition(":")[2].isdecimal() else (smtp, "", "")
    known = [each.value for each in Security]
    if not host:
        raise BadInput("Say which mail server: --smtp HOST:PORT.")
    if security not in known:
        raise BadInput(f"There is no security {security}; there are {', '.join(known)}.")
    password = read_key(password_file) if password_file is not None else ""
    return MailServer(host, int(port or _SMTP_PORT), Security(security), user, password, ca_file)


def _sent(
    shop: Shop, sale: Sale, paper: "Paper", sender: str, recipient: str, server: MailServer
) -> tuple[HandIn, str]:
    from hardware.receipt_mail import MailError, address, receipt_message  # noqa: PLC0415 (see above)

    try:
        message = receipt_message(
            sale, paper, shop.settings, sender=address(sender), recipient=address(recipient)
        )
    except MailError as wrong:
        raise BadInput(f"The receipt was not sent: {wrong}.") from wrong
    return hand_in(message, server)
